"""Small helpers that every part may use; none needs torch."""
from pkgutil import extend_path

__path__ = extend_path(__path__, __name__)  # the engine adds mmengine.utils.dl_utils

from mmengine.utils.checks import check_prerequisites as check_prerequisites
from mmengine.utils.checks import has_method as has_method
from mmengine.utils.checks import is_list_of as is_list_of
from mmengine.utils.checks import is_method_overridden as is_method_overridden
from mmengine.utils.checks import is_seq_of as is_seq_of
from mmengine.utils.checks import is_str as is_str
from mmengine.utils.checks import is_tuple_of as is_tuple_of
from mmengine.utils.checks import requires_executable as requires_executable
from mmengine.utils.checks import requires_package as requires_package
from mmengine.utils.deprecation import deprecated_api_warning as deprecated_api_warning
from mmengine.utils.deprecation import deprecated_function as deprecated_function
from mmengine.utils.iteration import apply_to as apply_to
from mmengine.utils.iteration import concat_list as concat_list
from mmengine.utils.iteration import iter_cast as iter_cast
from mmengine.utils.iteration import list_cast as list_cast
from mmengine.utils.iteration import slice_list as slice_list
from mmengine.utils.iteration import tuple_cast as tuple_cast
from mmengine.utils.manager import ManagerMeta as ManagerMeta
from mmengine.utils.manager import ManagerMixin as ManagerMixin
from mmengine.utils.objects import get_object_from_string as get_object_from_string
from mmengine.utils.objects import import_modules_from_strings as import_modules_from_strings
from mmengine.utils.package_utils import call_command as call_command
from mmengine.utils.package_utils import get_installed_path as get_installed_path
from mmengine.utils.package_utils import install_package as install_package
from mmengine.utils.package_utils import is_installed as is_installed
from mmengine.utils.package_utils import package2module as package2module
from mmengine.utils.path import check_file_exist as check_file_exist
from mmengine.utils.path import fopen as fopen
from mmengine.utils.path import is_abs as is_abs
from mmengine.utils.path import is_filepath as is_filepath
from mmengine.utils.path import mkdir_or_exist as mkdir_or_exist
from mmengine.utils.path import scandir as scandir
from mmengine.utils.path import symlink as symlink
from mmengine.utils.progressbar import ProgressBar as ProgressBar
from mmengine.utils.progressbar import track_iter_progress as track_iter_progress
from mmengine.utils.progressbar import track_parallel_progress as track_parallel_progress
from mmengine.utils.progressbar import track_progress as track_progress
from mmengine.utils.progressbar_rich import track_progress_rich as track_progress_rich
from mmengine.utils.rank import get_rank as get_rank
from mmengine.utils.rank import is_main_process as is_main_process
from mmengine.utils.suggest import did_you_mean as did_you_mean
from mmengine.utils.suggest import nearest as nearest
from mmengine.utils.timer import Timer as Timer
from mmengine.utils.timer import TimerError as TimerError
from mmengine.utils.timer import check_time as check_time
from mmengine.utils.tuples import to_1tuple as to_1tuple
from mmengine.utils.tuples import to_2tuple as to_2tuple
from mmengine.utils.tuples import to_3tuple as to_3tuple
from mmengine.utils.tuples import to_4tuple as to_4tuple
from mmengine.utils.tuples import to_ntuple as to_ntuple
from mmengine.utils.version_utils import digit_version as digit_version
from mmengine.utils.version_utils import get_git_hash as get_git_hash
