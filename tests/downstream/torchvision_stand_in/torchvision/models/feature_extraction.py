"""The names of `torchvision.models.feature_extraction` that timm imports."""
from __future__ import annotations

from .._absent import absent_function

create_feature_extractor = absent_function('models.feature_extraction.create_feature_extractor')
get_graph_node_names = absent_function('models.feature_extraction.get_graph_node_names')
