"""Draw boxes and names on a photograph that scikit-learn carries: `python draw_photo.py` writes drawn.png."""
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_sample_image

from mmengine.visualization import Visualizer

visualizer = Visualizer(image=load_sample_image('china.jpg'))
boxes = np.array([[150, 110, 470, 290], [15, 210, 125, 330]])
visualizer.draw_bboxes(boxes, edge_colors=['orange', 'cyan'], line_widths=3)
visualizer.draw_texts(['temple 0.97', 'tree 0.61'], boxes[:, :2] + 4, colors='white', font_sizes=14,
                      bboxes=dict(facecolor='black', alpha=0.6, edgecolor='none'))
drawn = Image.fromarray(visualizer.get_image()).reduce(2).convert('P', palette=Image.Palette.ADAPTIVE)
drawn.save(Path(__file__).with_name('drawn.png'), optimize=True)
