"""Helpers for tests of code that uses `mmengine`."""
from mmengine.testing.compare import assert_allclose as assert_allclose
from mmengine.testing.compare import assert_attrs_equal as assert_attrs_equal
from mmengine.testing.compare import assert_dict_contains_subset as assert_dict_contains_subset
from mmengine.testing.compare import assert_dict_has_keys as assert_dict_has_keys
from mmengine.testing.compare import assert_is_norm_layer as assert_is_norm_layer
from mmengine.testing.compare import assert_keys_equal as assert_keys_equal
from mmengine.testing.compare import assert_params_all_zeros as assert_params_all_zeros
from mmengine.testing.compare import check_python_script as check_python_script
from mmengine.testing.runner_test_case import RunnerTestCase as RunnerTestCase
