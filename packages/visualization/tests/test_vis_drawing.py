import numpy as np
import pytest

from mmengine.visualization import Visualizer
from mmengine.visualization.drawing.featmap import resize_bilinear
from mmengine.visualization.utils import (
    check_type,
    check_type_and_length,
    color_str2rgb,
    color_val_matplotlib,
    convert_overlay_heatmap,
    img_from_canvas,
    tensor2ndarray,
    value2list,
)

GRAY = np.full((40, 60, 3), 100, np.uint8)


@pytest.fixture
def visualizer():
    return Visualizer(image=GRAY)


def changed(visualizer):
    """Where the picture is no longer what it was."""
    return (visualizer.get_image() != GRAY).any(axis=2)


def test_an_image_comes_back_pixel_by_pixel():
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), dtype=np.uint8)
    visualizer = Visualizer(image=image)
    assert (visualizer.get_image() == image).all()
    assert visualizer.ax_save is not None  # now there is a figure to render
    assert (visualizer.get_image() == image).all()
    assert (visualizer.width, visualizer.height) == (53, 37)


def test_setting_an_image_forgets_the_drawing(visualizer):
    visualizer.draw_bboxes(np.array([5, 5, 20, 20]))
    assert changed(visualizer).any()
    visualizer.set_image(GRAY)
    assert not changed(visualizer).any()
    with pytest.raises(AssertionError, match='None'):
        visualizer.set_image(None)
    with pytest.raises(AssertionError, match='set_image'):
        Visualizer().get_image()


def test_gray_images_stay_gray():
    gray = np.arange(64, dtype=np.uint8).reshape(8, 8)
    visualizer = Visualizer(image=gray)
    assert visualizer.fig_save is not None
    assert (visualizer.get_image() == gray[:, :, None]).all()


def test_every_method_can_be_chained(visualizer, tensor):
    one = tensor([5, 5])
    result = (visualizer.draw_bboxes(tensor([1, 1, 5, 5])).draw_points(one).draw_texts('a', one)
              .draw_lines(tensor([1, 5]), tensor([1, 5])).draw_circles(one, tensor([2]))
              .draw_polygons(tensor([[1, 1], [2, 2], [1, 2]])).draw_binary_masks(np.zeros((40, 60), bool)))
    assert result is visualizer


@pytest.mark.parametrize(('method', 'arguments'), [
    ('draw_bboxes', ([1, 1, 5, 5],)),
    ('draw_points', ([1, 1],)),
    ('draw_texts', ('a', [1, 1])),
    ('draw_lines', ([1, 5], np.array([1, 5]))),
    ('draw_circles', ([1, 5], np.array([1]))),
    ('draw_polygons', ([[1, 5], [2, 2]],)),
    ('draw_texts', (1, np.array([1, 1]))),
])
def test_lists_are_no_arrays(visualizer, method, arguments):
    with pytest.raises(TypeError):
        getattr(visualizer, method)(*arguments)


def test_boxes(visualizer):
    visualizer.draw_bboxes(np.array([[10, 5, 30, 25], [40, 10, 50, 30]]), edge_colors=['r', (0, 0, 255)],
                           line_widths=[1, 2], alpha=1.0)
    image = visualizer.get_image().astype(int)
    first, second = image[15, 9:12].max(axis=0), image[20, 38:43].max(axis=0)
    assert first[0] > 150 > first[2]
    assert second[2] > 150 > second[0]
    assert (image[15, 20] == 100).all()  # inside
    assert (image[2, 2] == 100).all()  # outside


def test_boxes_that_are_none(visualizer):
    with pytest.raises(AssertionError, match=r'x1 <= x2.*\[\[5, 1, 2, 2\]\]'):
        visualizer.draw_bboxes(np.array([[1, 1, 2, 2], [5, 1, 2, 2]]))
    with pytest.raises(AssertionError, match=r'\(N, 4\), but got \(1, 6\)'):
        visualizer.draw_bboxes(np.zeros((1, 6)))
    visualizer.draw_bboxes(np.zeros((0, 4)))
    assert not changed(visualizer).any()


@pytest.mark.parametrize(('what', 'draw'), [
    ('bbox', lambda v: v.draw_bboxes(np.array([1, 1, 100, 5]))),
    ('text', lambda v: v.draw_texts('a', np.array([100, 1]))),
    ('line', lambda v: v.draw_lines(np.array([1, 100]), np.array([1, 2]))),
    ('circle', lambda v: v.draw_circles(np.array([2, 2]), np.array([5]))),
    ('polygon', lambda v: v.draw_polygons(np.array([[1, 1], [2, 100], [3, 3]]))),
])
def test_out_of_bounds(visualizer, what, draw):
    message = f'Warning: The {what} is out of bounds, the drawn {what} may not be in the image'
    with pytest.warns(UserWarning, match=message):
        draw(visualizer)


@pytest.mark.parametrize('draw', [
    lambda v: v.draw_texts(['a', 'b'], np.array([[1, 1]])),
    lambda v: v.draw_texts(['a', 'b'], np.array([[1, 1], [2, 2]]), colors=['r']),
    lambda v: v.draw_texts(['a', 'b'], np.array([[1, 1], [2, 2]]), font_sizes=[1]),
    lambda v: v.draw_texts(['a', 'b'], np.array([[1, 1], [2, 2]]), vertical_alignments=['top']),
    lambda v: v.draw_lines(np.array([[1, 5], [2, 4]]), np.array([1, 5])),
    lambda v: v.draw_lines(np.array([[1, 5], [2, 4]]), np.array([[1, 5], [2, 4]]), colors=['r']),
    lambda v: v.draw_circles(np.array([[1, 5]]), np.array([1, 2])),
    lambda v: v.draw_bboxes(np.array([[1, 1, 2, 2], [1, 1, 2, 2]]), line_widths=[1]),
    lambda v: v.draw_polygons([np.array([[1, 1], [2, 2], [1, 3]])] * 2, line_styles=['-']),
    lambda v: v.draw_binary_masks(np.zeros((2, 40, 60), bool), alphas=[0.5]),
    lambda v: v.draw_binary_masks(np.zeros((2, 40, 60), bool), colors=['r']),
])
def test_lists_that_are_too_short(visualizer, draw):
    with pytest.raises(AssertionError):
        draw(visualizer)


def test_points(visualizer):
    visualizer.draw_points(np.array([[10, 10], [40, 20]]), colors=['r', 'b'], sizes=[40, 40], marker='s')
    image = visualizer.get_image()
    assert image[10, 10].tolist() == [255, 0, 0]
    assert image[20, 40].tolist() == [0, 0, 255]
    visualizer.set_image(GRAY)
    visualizer.draw_points(np.array([[10, 10], [40, 20], [30, 30]]), colors=(255, 0, 0), sizes=40)
    assert visualizer.get_image()[20, 40].tolist() == [255, 0, 0]


def test_texts(visualizer):
    visualizer.draw_texts(['xx', 'M'], np.array([[2, 2], [40, 20]]), font_sizes=[8, 14], colors=['r', (255, 255, 255)],
                          bboxes=[{'facecolor': 'black', 'pad': 0.7}, None], vertical_alignments='top')
    where = changed(visualizer)
    assert where[2:15, 2:20].any()
    assert where[20:35, 40:55].any()
    assert not where[:, 25:38].any()


def test_lines_and_circles(visualizer):
    visualizer.draw_lines(np.array([[5, 50], [5, 50]]), np.array([[5, 5], [15, 15]]), colors=['r', 'b'], line_widths=2)
    visualizer.draw_circles(np.array([30, 28]), np.array([6]), edge_colors='g', face_colors=(0, 0, 255), alpha=1.0)
    image = visualizer.get_image().astype(int)
    assert image[5, 20, 0] > 200 > image[5, 20, 2]
    assert image[15, 20, 2] > 200 > image[15, 20, 0]
    assert image[28, 30].tolist() == [0, 0, 255]
    assert image[38, 30].tolist() == [100, 100, 100]


def test_polygons(visualizer):
    triangle = np.array([[10, 10], [30, 10], [10, 30]])
    visualizer.draw_polygons([triangle], face_colors='r', alpha=1.0)
    assert visualizer.get_image()[15, 15].tolist() == [255, 0, 0]
    with pytest.raises(AssertionError, match=r'\(M, 2\), but got \(3, 3\)'):
        visualizer.draw_polygons(np.zeros((3, 3)))


def test_masks(visualizer, tensor):
    masks = np.zeros((2, 40, 60), bool)
    masks[0, :10, :10] = True
    masks[1, 20:, 30:] = True
    visualizer.draw_binary_masks(tensor(masks, dtype=bool), colors=['red', (0, 0, 200)], alphas=[1.0, 0.5])
    image = visualizer.get_image()
    assert image[5, 5].tolist() == [255, 0, 0]
    assert image[30, 40].tolist() == [50, 50, 150]
    assert image[15, 15].tolist() == [100, 100, 100]
    visualizer.set_image(GRAY)
    visualizer.draw_binary_masks(masks[0])
    assert visualizer.get_image()[5, 5].tolist() == [20, 122, 20]


def test_masks_that_are_none(visualizer):
    with pytest.raises(AssertionError, match='should be bool, but got float64'):
        visualizer.draw_binary_masks(np.zeros((40, 60)))
    with pytest.raises(AssertionError, match=r'\(40, 60\), but got \(1, 40, 61\)'):
        visualizer.draw_binary_masks(np.zeros((40, 61), bool))
    with pytest.raises(TypeError):
        visualizer.draw_binary_masks([[True]])
    with pytest.raises(AssertionError, match='0..255'):
        visualizer.draw_binary_masks(np.zeros((40, 60), bool), colors=(0, 0, 300))


def test_the_axes_can_be_drawn_on_directly(visualizer):
    visualizer.ax_save.scatter([30], [20], s=60, c='r')
    assert visualizer.get_image()[20, 30].tolist() == [255, 0, 0]
    assert (img_from_canvas(visualizer.fig_save_canvas) == visualizer.get_image()).all()
    assert visualizer.dpi == visualizer.fig_save.get_dpi()


# Feature maps

def test_featmap_reductions(tensor):
    maps = np.stack([np.arange(12.).reshape(3, 4), np.zeros((3, 4)), np.full((3, 4), 9.)])
    mean = Visualizer.draw_featmap(tensor(maps))
    assert mean.shape == (3, 4, 3)
    assert mean[0, 0].tolist() == [0, 0, 128]  # the smallest value
    assert mean[2, 3].tolist() == [128, 0, 0]  # the largest
    strongest = Visualizer.draw_featmap(tensor(maps), channel_reduction='select_max')
    assert (strongest == strongest[0, 0]).all()
    assert Visualizer.draw_featmap(tensor(maps), channel_reduction=None, topk=0).shape == (3, 4, 3)


def test_featmap_grid_and_sizes(tensor):
    maps = tensor(np.random.default_rng(0).random((6, 20, 30)))
    grid = Visualizer.draw_featmap(maps, channel_reduction=None, topk=4, arrangement=(2, 2))
    assert grid.shape == (40, 60, 3)
    assert Visualizer.draw_featmap(maps, resize_shape=(10, 12)).shape == (10, 12, 3)
    image = np.zeros((20, 30, 3), np.uint8)
    overlaid = Visualizer.draw_featmap(maps, image, alpha=0.5)
    alone = Visualizer.draw_featmap(maps)
    assert np.abs(overlaid.astype(int) - alone // 2).max() <= 1
    assert Visualizer.draw_featmap(maps, image[..., 0], resize_shape=(10, 10)).shape == (10, 10, 3)
    with pytest.warns(UserWarning, match='are not same, the feature map will be interpolated'):
        assert Visualizer.draw_featmap(maps, image[:10]).shape == (10, 30, 3)


@pytest.mark.parametrize(('make', 'arguments', 'message'), [
    (None, {}, r"`featmap` should be torch.Tensor, but got <class 'numpy.ndarray'>"),
    ((1, 2, 3, 3), {}, 'Input dimension must be 3, but got 4'),
    ((6, 3, 3), {'channel_reduction': 'mean'}, 'Mode only support "squeeze_mean", "select_max", but got mean'),
    ((6, 3, 3), {'channel_reduction': None, 'topk': -1}, 'The input tensor channel dimension must be 1 or 3 when '
     'topk is less than 1, but the channel dimension you input is 6, you can use'),
    ((6, 3, 3), {'channel_reduction': None, 'arrangement': (1, 1)}, 'The product of row and col in the `arrangement` '
     'is less than topk, please set the `arrangement` correctly'),
])
def test_featmaps_that_are_none(tensor, make, arguments, message):
    featmap = np.zeros((1, 2, 3)) if make is None else tensor(np.zeros(make))
    with pytest.raises(AssertionError, match=message):
        Visualizer.draw_featmap(featmap, **arguments)


def test_heat_maps():
    values = np.array([[0., 0.5], [0.75, 1.]])
    heat = convert_overlay_heatmap(values)
    # Points of OpenCV's scale, which upstream's pictures have.
    assert np.abs(heat.astype(int) - [[[0, 0, 128], [126, 255, 130]], [[255, 128, 0], [128, 0, 0]]]).max() <= 4
    assert (convert_overlay_heatmap(values[None]) == heat).all()
    assert (convert_overlay_heatmap(np.ones((2, 2))) == [0, 0, 128]).all()
    with pytest.raises(AssertionError, match=r'\(2, 2, 2\)'):
        convert_overlay_heatmap(np.zeros((2, 2, 2)))


def test_bilinear_resize():
    ramp = np.tile(np.arange(4.), (2, 1))
    assert resize_bilinear(ramp, (2, 8))[0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    assert resize_bilinear(ramp, (2, 2))[0].tolist() == [0.5, 2.5]
    assert resize_bilinear(ramp, (2, 4)).tolist() == ramp.tolist()


# Helpers that downstream code uses

def test_helpers(tensor):
    assert value2list('r', str, 2) == ['r', 'r']
    assert value2list(['r'], str, 2) == ['r']
    assert tensor2ndarray(tensor([1, 2])).tolist() == [1, 2]
    assert tensor2ndarray('a') == 'a'
    check_type('a', 1, (int, float))
    check_type_and_length('a', [1, 2], list, 2)
    with pytest.raises(TypeError, match='`a` should be'):
        check_type('a', 'b', int)
    with pytest.raises(AssertionError, match='at least 3, but got 2'):
        check_type_and_length('a', [1, 2], list, 3)


def test_colors():
    assert color_val_matplotlib('r') == 'r'
    assert color_val_matplotlib([(255, 0, 51), 'g']) == [(1.0, 0.0, 0.2), 'g']
    for wrong in ((0, 0), (0, 0, 256), (-1, 0, 0)):
        with pytest.raises(AssertionError):
            color_val_matplotlib(wrong)
    with pytest.raises(TypeError, match='int'):
        color_val_matplotlib(1)
    assert color_str2rgb('red') == (255, 0, 0)
    assert color_str2rgb('C1') == (255, 127, 14)
