"""The parts of `privet.dp.accounting`, which has their public names."""
