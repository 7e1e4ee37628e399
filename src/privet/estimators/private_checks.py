"""Which of scikit-learn's estimator checks a private estimator does not pass, each with why.

For `sklearn.utils.estimator_checks.check_estimator(..., expected_failed_checks=...)`. In the
clear no check fails. The checks fit bare arrays without bounds, which a private protection
refuses, so `WITHOUT_SCHEMA` is long; `WITH_SCHEMA` and `NOISE` say what is left once the bounds
are declared.
"""

from __future__ import annotations

from privet.estimators.base import Estimator

_BOUNDS = "fits bare arrays: these are refused, unread, since bounds must come from a schema"

WITHOUT_SCHEMA: dict[str, str] = dict.fromkeys(
    (
        "check_all_zero_sample_weights_error",
        "check_class_weight_classifiers",
        "check_classifier_data_not_an_array",
        "check_classifiers_classes",
        "check_classifiers_regression_target",
        "check_classifiers_train",
        "check_complex_data",
        "check_decision_proba_consistency",
        "check_dict_unchanged",
        "check_dont_overwrite_parameters",
        "check_dtype_object",
        "check_estimator_sparse_array",
        "check_estimator_sparse_matrix",
        "check_estimator_sparse_tag",
        "check_estimators_dtypes",
        "check_estimators_empty_data_messages",
        "check_estimators_fit_returns_self",
        "check_estimators_nan_inf",
        "check_estimators_overwrite_params",
        "check_estimators_pickle",
        "check_f_contiguous_array_estimator",
        "check_fit2d_1feature",
        "check_fit2d_1sample",
        "check_fit2d_predict1d",
        "check_fit_check_is_fitted",
        "check_fit_idempotent",
        "check_fit_score_takes_y",
        "check_methods_sample_order_invariance",
        "check_methods_subset_invariance",
        "check_n_features_in",
        "check_n_features_in_after_fitting",
        "check_pipeline_consistency",
        "check_positive_only_tag_during_fit",
        "check_readonly_memmap_input",
        "check_regressor_data_not_an_array",
        "check_regressors_int",
        "check_regressors_no_decision_function",
        "check_regressors_train",
        "check_sample_weight_equivalence_on_dense_data",
        "check_sample_weights_list",
        "check_sample_weights_not_an_array",
        "check_sample_weights_not_overwritten",
        "check_sample_weights_pandas_series",
        "check_sample_weights_shape",
        "check_supervised_y_2d",
    ),
    _BOUNDS,
)
WITHOUT_SCHEMA_ITERATIVE: dict[str, str] = {"check_non_transformer_estimators_n_iter": _BOUNDS}

WITH_SCHEMA: dict[str, str] = {
    "check_dtype_object": "text in a column declared as a category is a category",
    "check_estimators_nan_inf": "the schema says what missing values mean, and clips infinite ones",
    "check_sample_weight_equivalence_on_dense_data": "a repeated row is another person, a weight "
    "is not: each person's gradient is clipped, and noise does not depend on either",
}
WITH_SCHEMA_CLASSES: dict[str, str] = {
    "check_classifiers_regression_target": "classes are what the schema declares, also numbers",
}
WITH_SCHEMA_NUMBER: dict[str, str] = {
    "check_supervised_y_no_nan": "an infinite target is clipped to its declared range, like any "
    "other number; what cells hold decides no error",
}

NOISE: dict[str, str] = dict.fromkeys(
    (
        "check_class_weight_classifiers",
        "check_classifier_data_not_an_array",
        "check_classifiers_classes",
        "check_classifiers_one_label",
        "check_classifiers_train",
        "check_fit_idempotent",
        "check_regressor_data_not_an_array",
        "check_regressors_int",
        "check_regressors_train",
        "check_supervised_y_2d",
    ),
    "the data are few or fitted twice, and the noise decides",
)


def expected_failed_checks(estimator: Estimator) -> dict[str, str]:
    """The checks that a private estimator given bare arrays fails, by name, with the reason.

    Whether a check is run at all depends on the estimator: not every name applies to each.
    """
    iterative = WITHOUT_SCHEMA_ITERATIVE if hasattr(estimator, "max_iter") else {}
    return {**WITHOUT_SCHEMA, **iterative}


def expected_failed_checks_with_schema(estimator: Estimator) -> dict[str, str]:
    """The checks that a private estimator with declared bounds fails whatever the noise.

    Those in `NOISE` may fail besides.
    """
    more = WITH_SCHEMA_CLASSES if estimator._task == "classes" else WITH_SCHEMA_NUMBER
    return {**WITH_SCHEMA, **more}
