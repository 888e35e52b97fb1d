"""The same drawings by whichever mmengine runs this: `python drawings.py OUT.npz` writes one picture per name.

Run with upstream's mmengine (and torch) it makes the references of `test_vis_upstream.py`.
"""
import sys
import warnings

import numpy as np

from mmengine.visualization import Visualizer


def photo(height=96, width=128):
    """A picture of tiles, at whose borders a shift by a pixel shows."""
    rows, columns = np.mgrid[:height, :width] // 12 * 12
    return np.stack([columns * 255 // width, rows * 255 // height, (rows + columns) % 256], axis=-1).astype(np.uint8)


def features(channels=6, height=24, width=32):
    """Feature maps with one blob each, at different places."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([(1 + index) * np.exp(-((rows - 4 * index) ** 2 + (columns - 5 * index) ** 2) / 40)
                     for index in range(channels)]).astype(np.float32)


BOXES = np.array([[10, 10, 60, 40], [50, 30, 110, 80], [2, 60, 30, 90]])
DIAMOND = np.array([[64, 10], [110, 48], [64, 86], [18, 48]])
MASKS = np.stack([np.hypot(*(np.mgrid[:96, :128] - np.array([[[40]], [[50 + 30 * index]]]))) < 25
                  for index in range(2)])

SHAPES = {
    'image': lambda v: v,
    'boxes': lambda v: v.draw_bboxes(BOXES),
    'box': lambda v: v.draw_bboxes(BOXES[0], edge_colors='r', line_widths=1, alpha=1),
    'boxes_filled': lambda v: v.draw_bboxes(BOXES, edge_colors=['r', 'b', (255, 128, 0)], line_styles=['-', '--', ':'],
                                            line_widths=[1, 3, 2], face_colors=['none', 'y', (0, 0, 255)], alpha=0.5),
    'lines': lambda v: v.draw_lines(np.array([[5, 120], [10, 60]]), np.array([[5, 90], [80, 20]]), colors=['r', 'w'],
                                    line_styles=['-', '-.'], line_widths=[2, 4]),
    'circles': lambda v: v.draw_circles(np.array([[30, 30], [80, 50]]), np.array([20, 35]), edge_colors=['c', 'm'],
                                        face_colors=['none', 'k'], alpha=0.7),
    'points': lambda v: v.draw_points(np.array([[10, 10], [64, 48], [120, 90]]), colors=['r', 'w', 'b'],
                                      sizes=np.array([20, 80, 200])),
    'markers': lambda v: v.draw_points(np.array([[30, 30], [90, 60]]), colors='y', marker='*', sizes=100),
    'polygon': lambda v: v.draw_polygons(DIAMOND, edge_colors='b', face_colors='g', alpha=0.4),
    'polygons': lambda v: v.draw_polygons([DIAMOND, DIAMOND // 2], edge_colors=['r', 'w'], line_widths=3),
    'mask': lambda v: v.draw_binary_masks(MASKS[0]),
    'masks': lambda v: v.draw_binary_masks(MASKS, colors=['r', (0, 0, 255)], alphas=[0.3, 0.6]),
    'mask_in_rgb': lambda v: v.draw_binary_masks(MASKS, colors=(10, 200, 90), alphas=1.0),
    'mask_then_box': lambda v: v.draw_binary_masks(MASKS[0]).draw_bboxes(BOXES[1]),
    'box_then_mask': lambda v: v.draw_bboxes(BOXES[1]).draw_binary_masks(MASKS),
    'text': lambda v: v.draw_texts('cat: 0.87', np.array([20, 20]), colors='w'),
    'texts': lambda v: v.draw_texts(['cat', 'dog'], np.array([[10, 10], [64, 48]]), font_sizes=[8, 16],
                                    colors=['r', (0, 0, 255)], vertical_alignments=['top', 'center'],
                                    horizontal_alignments=['left', 'center']),
    'text_in_a_box': lambda v: v.draw_texts(
        'cat', np.array([40, 40]), font_sizes=14, colors='y',
        bboxes=dict(facecolor='black', alpha=0.8, pad=0.7, edgecolor='none')),
}

FEATMAPS = {
    'mean': {},
    'max': dict(channel_reduction='select_max'),
    'top': dict(resize_shape=(80, 96), channel_reduction=None, topk=4, arrangement=(2, 2)),
    'top_of_more': dict(resize_shape=(80, 96), channel_reduction=None, topk=3, arrangement=(2, 2)),
    'resized': dict(resize_shape=(48, 40)),
    'over': dict(overlaid_image=photo(24, 32)),
    'over_stronger': dict(overlaid_image=photo(24, 32), alpha=0.9, channel_reduction='select_max'),
    'over_larger': dict(overlaid_image=photo(60, 70)),
    'over_resized': dict(overlaid_image=photo(60, 70), resize_shape=(50, 90)),
    'over_top': dict(resize_shape=(80, 96), overlaid_image=photo(24, 32), channel_reduction=None, topk=2,
                     arrangement=(1, 2)),
}


def draw_all(tensor):
    """Give every picture by name."""
    pictures = {}
    for kind, image in (('rgb', photo()), ('odd', photo(101, 131))):
        for name, draw in SHAPES.items():
            if kind == 'odd' and name not in ('image', 'boxes', 'circles', 'texts'):
                continue
            pictures[f'{kind}_{name}'] = draw(Visualizer(image=image)).get_image()
    for name, arguments in FEATMAPS.items():
        pictures[f'featmap_{name}'] = Visualizer.draw_featmap(tensor(features()), **arguments)
    for name, channels in (('one', 1), ('three', 3)):
        pictures[f'featmap_{name}_channel'] = Visualizer.draw_featmap(tensor(features(channels)), topk=0,
                                                                      channel_reduction=None)
    return pictures


if __name__ == '__main__':
    import torch
    warnings.simplefilter('ignore')
    np.savez_compressed(sys.argv[1], **draw_all(torch.from_numpy))
