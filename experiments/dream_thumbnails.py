"""Makes the small pictures of the dream presets that the studio shows to click on.

    python experiments/dream_thumbnails.py            # five minutes on two cores

Each preset that needs no download dreams on the photo of the package, at 384 pixels; the picture ships at 144 pixels,
as `stylegen/pictures/dreams/NAME.jpg`. Expected: seven files of about 6 kB, as they are in the repository.
"""

from stylegen import dream, images
from stylegen.runs.inputs import DEFAULT_PICTURE
from stylegen.studio.dreams import DREAM_PICTURES, dream_arguments, offline_presets

SIZE, SHOWN = 384, 144  # longest sides in pixels, of the dream and of what ships


def main():
    photo = images.load_image(DEFAULT_PICTURE, SIZE)
    DREAM_PICTURES.mkdir(exist_ok=True)
    for name in offline_presets():
        dreamt = dream(photo, **dream_arguments(name, None, None, None))
        small = images.resize(dreamt, images.fit(dreamt.shape, SHOWN)).clip(0, 1)
        print(images.save_image(DREAM_PICTURES / f'{name}.jpg', small, quality=85))


if __name__ == '__main__':
    main()
