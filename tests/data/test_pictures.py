"""Pictures of every kind are read as Pillow shows them."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from nam_jax.data import _picture, load_images
from nam_jax.data._picture import FORMATS, picture

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 12), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 12, 3), dtype=np.uint8)
ROUNDING = 1.1 / 255


def shown(image):
    """The image on white, as Pillow itself composes it."""
    white = Image.new("RGBA", image.size, "white")
    return np.asarray(Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")) / 255


def read(path, size=12):
    return np.asarray(load_images(path, size=size).images[0])


def saved(path, image, **options):
    image.save(path, **options)
    return path


MODES = ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_is_converted_as_pillow_converts_it(mode):
    opacity = Image.fromarray(GREY)
    image = Image.fromarray(COLOUR)
    if mode in ("LA", "RGBA", "RGBa"):
        image = image.convert(mode.upper())
        image.putalpha(opacity)
    expected = image = image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    np.testing.assert_allclose(picture(image, (12, 12)), shown(expected), atol=ROUNDING)


def test_grey_of_16_bits_and_floats_keep_their_range():
    for order in ("<", ">"):
        deep = (GREY.astype(float) * 257 - (GREY > 0)).astype(f"{order}u2")
        image = Image.frombytes("I;16" if order == "<" else "I;16B", (12, 12), deep.tobytes())
        np.testing.assert_allclose(picture(image, (12, 12))[..., 1], deep / 65535, atol=1e-6)
    image = Image.fromarray(GREY.astype(np.float32) / 255)
    np.testing.assert_allclose(picture(image, (12, 12))[..., 1], GREY / 255, atol=1e-6)


@pytest.mark.parametrize("numbers", [GREY.astype(np.int32), GREY.astype(np.float32), [[np.nan]]])
def test_numbers_without_a_known_range_are_refused(numbers, tmp_path):
    image = Image.fromarray(np.asarray(numbers, getattr(numbers, "dtype", np.float32)))
    with pytest.raises(ValueError, match=r"a\.tiff: .*(no known range|not all in \[0, 1\])"):
        load_images(saved(tmp_path / "a.tiff", image))


def test_lab_is_converted_to_rgb(tmp_path):
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    smooth = Image.linear_gradient("L").convert("RGB").resize((12, 12))
    lab = ImageCms.applyTransform(smooth, ImageCms.buildTransform(*profiles, "RGB", "LAB"))
    loaded = read(saved(tmp_path / "a.tiff", lab))
    np.testing.assert_allclose(loaded, np.asarray(smooth) / 255, atol=0.02)


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_shown_upright(suffix, orientation, tmp_path):
    smooth = np.zeros((24, 40, 3), np.uint8)
    smooth[:12], smooth[:, :20, 0] = 255, 200
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 95} if suffix == "jpg" else {}
    path = saved(tmp_path / f"a.{suffix}", Image.fromarray(smooth), exif=exif, **options)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)).convert("RGB")) / 255
    top, left = ((length - 24) // 2 for length in upright.shape[:2])
    expected = upright[top : top + 24, left : left + 24]
    np.testing.assert_allclose(read(path, 24), expected, atol=1e-6)


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_read_and_the_first_frame_is_taken(form, tmp_path):
    first, second = Image.fromarray(COLOUR), Image.fromarray(255 - COLOUR)
    if form == "GIF":
        first, second = first.quantize(64), second.quantize(64)
    several = {} if form in ("JPEG", "BMP") else {"save_all": True, "append_images": [second]}
    path = saved(tmp_path / f"a.{form.lower()}", first, **several)
    np.testing.assert_allclose(read(path), shown(Image.open(path)), atol=ROUNDING)


# PNG


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(
        ">I", zlib.crc32(name + content)
    )  # fmt: skip


def png(path, width, height, depth, kind, rows, *chunks):
    """Writes a PNG whose header is free; `rows` are bytes."""
    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = (chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b""))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    return path


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [0, 2])
def test_a_transparent_colour_becomes_white(depth, kind, tmp_path):
    pixels = GREY[..., None] if kind == 0 else COLOUR
    if depth == 16 and kind == 2:
        pytest.skip("Pillow reads 8 bits of each channel, and so the colour is not known exactly")
    stored = pixels.astype(">u2") * 257 if depth == 16 else pixels
    first = [int(level) for level in stored[0, 0]]
    transparent = chunk(b"tRNS", struct.pack(f">{len(first)}H", *first))
    path = png(tmp_path / "a.png", 12, 12, depth, kind, [r.tobytes() for r in stored], transparent)
    expected = np.where((pixels == pixels[0, 0]).all(-1, keepdims=True), 1.0, pixels / 255)
    np.testing.assert_allclose(read(path), np.broadcast_to(expected, (12, 12, 3)), atol=1e-6)


def test_a_palette_with_a_transparent_entry(tmp_path):
    image = Image.fromarray(COLOUR).quantize(16)
    path = saved(tmp_path / "a.png", image, transparency=3)
    np.testing.assert_allclose(read(path), shown(Image.open(path)), atol=ROUNDING)


def test_a_picture_of_too_many_pixels_is_refused_unread(tmp_path):
    for side in (10_000, 2**15):  # Pillow itself warns of the first and refuses the second
        path = png(tmp_path / "a.png", side, side, 8, 0, [bytes(side)])
        with pytest.raises(ValueError, match=r"a\.png: the picture has too many pixels; PIL"):
            load_images(path)


@pytest.mark.parametrize("mode", ["L", "RGBA", "I;16", "P"])
def test_a_large_picture_is_averaged_before_it_is_scaled(mode, tmp_path, monkeypatch):
    monkeypatch.setattr(_picture, "FINE", 16)
    stripes = np.arange(3 * 17) % 3 * 100  # 0, 100, 200, 0, 100, ... with the mean of 100
    grey = np.broadcast_to(stripes[:, None], (51, 60)).astype(np.uint8)
    image = Image.fromarray(grey.astype(np.uint16) * 257) if mode == "I;16" else (
        Image.fromarray(grey).convert(mode)
    )  # fmt: skip
    np.testing.assert_allclose(read(saved(tmp_path / "a.png", image), 8), 100 / 255, atol=1e-5)


def test_bytes_after_a_picture_and_a_wrong_suffix_do_not_matter(tmp_path):
    stream = io.BytesIO()
    Image.fromarray(COLOUR).save(stream, "PNG")
    (tmp_path / "a.jpg").write_bytes(stream.getvalue() + b"more")
    np.testing.assert_allclose(read(tmp_path / "a.jpg"), COLOUR / 255, atol=1e-6)
