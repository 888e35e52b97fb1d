"""All functions that send data, under the module path of old code."""
from mmengine.dist.broadcast import broadcast as broadcast
from mmengine.dist.broadcast import broadcast_object_list as broadcast_object_list
from mmengine.dist.broadcast import sync_random_seed as sync_random_seed
from mmengine.dist.gather import all_gather as all_gather
from mmengine.dist.gather import all_gather_object as all_gather_object
from mmengine.dist.gather import gather as gather
from mmengine.dist.gather import gather_object as gather_object
from mmengine.dist.groups import barrier as barrier
from mmengine.dist.info import get_rank as get_rank
from mmengine.dist.reduce import all_reduce as all_reduce
from mmengine.dist.reduce import all_reduce_dict as all_reduce_dict
from mmengine.dist.reduce import all_reduce_params as all_reduce_params
from mmengine.dist.results import collect_results as collect_results
from mmengine.dist.results import collect_results_cpu as collect_results_cpu
from mmengine.dist.results import collect_results_gpu as collect_results_gpu
