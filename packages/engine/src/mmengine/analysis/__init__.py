"""What a model costs: its parameters, the operations of a forward pass, and the activations that these make."""
from mmengine.analysis.complexity_analysis import ActivationAnalyzer as ActivationAnalyzer
from mmengine.analysis.complexity_analysis import FlopAnalyzer as FlopAnalyzer
from mmengine.analysis.complexity_analysis import activation_count as activation_count
from mmengine.analysis.complexity_analysis import flop_count as flop_count
from mmengine.analysis.complexity_analysis import parameter_count as parameter_count
from mmengine.analysis.complexity_analysis import parameter_count_table as parameter_count_table
from mmengine.analysis.print_helper import get_model_complexity_info as get_model_complexity_info
