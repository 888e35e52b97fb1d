"""The old path of the helpers of drawing."""
from mmengine.visualization.drawing.canvas import img_from_canvas as img_from_canvas
from mmengine.visualization.drawing.checks import check_length as check_length
from mmengine.visualization.drawing.checks import check_type as check_type
from mmengine.visualization.drawing.checks import check_type_and_length as check_type_and_length
from mmengine.visualization.drawing.checks import tensor2ndarray as tensor2ndarray
from mmengine.visualization.drawing.checks import value2list as value2list
from mmengine.visualization.drawing.colors import color_str2rgb as color_str2rgb
from mmengine.visualization.drawing.colors import color_val_matplotlib as color_val_matplotlib
from mmengine.visualization.drawing.featmap import convert_overlay_heatmap as convert_overlay_heatmap
from mmengine.visualization.drawing.show import wait_continue as wait_continue
