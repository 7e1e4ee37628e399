"""Models as pure functions: built by name, or from a user's own JAX code.

`model_for` returns a `privet.protect.base.Model`. JAX, Flax and Equinox are imported only when
a model needs them: the linear models train and predict without JAX under `Plain`.
"""

from privet.models.build import MODELS, model_for, model_from_tag
from privet.models.scoring import scores_of

__all__ = ["MODELS", "model_for", "model_from_tag", "scores_of"]
