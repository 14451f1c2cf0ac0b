"""Makes the pictures of README.md and of these pages: `python docs/pictures.py`."""

from pathlib import Path

from igref import integrated_gradients, load_model, load_photos
from igref.plots import attribution_row

FOLDER = Path(__file__).parent / "images"


def main() -> None:
    model, photo = load_model(), load_photos()[0]
    image = photo.pixels[None]
    target = int(model.probabilities(image).argmax())
    result = integrated_gradients(model.probabilities, image, 0 * image, target, n_steps=200)
    title = f"“{model.categories[target]}”, {float(result.scores):.0%}: integrated gradients from a black image"
    figure = attribution_row(image[0], result.values[0], baseline=0 * image[0], title=title)
    figure.savefig(FOLDER / "attribution.png")


if __name__ == "__main__":
    main()
