"""The ten objects of the toy kitchen, painted so that look-alikes share colour and outline but not detail."""

from __future__ import annotations

from llavaction.toy_kitchen.shapes import Colour, Layer, below, box, capsule, disc, outline

OBJECT_SIZE = 1.2  # what glyphs are magnified by
OBJECT_RADIUS = 0.2 * OBJECT_SIZE  # scene units; some 23 pixels across at 48 x 48, three patches of 8
OBJECT_EXTENT = (-0.31, -0.31, 0.31, 0.31)

BLACK: Colour = (0.0, 0.0, 0.0)
SHINE: Colour = (1.0, 1.0, 1.0)
CHINA: Colour = (0.95, 0.94, 0.89)
CHINA_RIM: Colour = (0.66, 0.68, 0.72)
TIN: Colour = (0.80, 0.83, 0.88)
TIN_RIM: Colour = (0.56, 0.60, 0.68)
BLUE: Colour = (0.20, 0.40, 0.80)
BLUE_DARK: Colour = (0.11, 0.22, 0.52)
BLUE_LIGHT: Colour = (0.50, 0.68, 0.95)
TEAL: Colour = (0.16, 0.52, 0.74)
TEAL_DARK: Colour = (0.08, 0.31, 0.48)
TEAL_LIGHT: Colour = (0.48, 0.76, 0.90)
STEEL: Colour = (0.80, 0.83, 0.87)
STEEL_DARK: Colour = (0.42, 0.45, 0.51)
GRIP: Colour = (0.14, 0.12, 0.13)
WOOD: Colour = (0.40, 0.22, 0.10)
IRON_DARK: Colour = (0.10, 0.10, 0.12)
IRON_LIGHT: Colour = (0.42, 0.44, 0.48)
BROTH: Colour = (0.55, 0.36, 0.16)
RED: Colour = (0.88, 0.20, 0.10)
CRIMSON: Colour = (0.78, 0.08, 0.16)
CRIMSON_DARK: Colour = (0.52, 0.04, 0.10)
LEAF: Colour = (0.20, 0.58, 0.18)
STALK: Colour = (0.36, 0.22, 0.10)


def _on_counter(*layers: Layer) -> tuple[Layer, ...]:
    """An object with the soft shadow it casts."""
    return (Layer(disc(0.015, 0.03, 0.19), BLACK, opacity=0.25, blur=0.10), *layers)


# A plate is hollow (a wide ring around a flat middle), a tin lid has a knob.
_PLATE = _on_counter(
    Layer(disc(0, 0, 0.21), CHINA),
    Layer(outline(disc(0, 0, 0.20), 0.02), CHINA_RIM),
    Layer(outline(disc(0, 0, 0.125), 0.03), CHINA_RIM),
)
_LID = _on_counter(
    Layer(disc(0, 0, 0.21), TIN),
    Layer(outline(disc(0, 0, 0.20), 0.02), TIN_RIM),
    Layer(disc(0.01, 0.015, 0.095), BLACK, opacity=0.3, blur=0.04),
    Layer(disc(0, 0, 0.08), STEEL_DARK),
    Layer(disc(-0.015, -0.015, 0.02), SHINE, opacity=0.8),
)
# A cup is tall and has an ear, a bowl is wide and has a foot.
_CUP = _on_counter(
    Layer(outline(disc(0.15, 0.02, 0.075), 0.045), BLUE_DARK),
    Layer(box(-0.15, -0.16, 0.13, 0.18, 0.05), BLUE),
    Layer(box(-0.13, -0.17, 0.11, -0.11, 0.03), BLUE_DARK),
    Layer(capsule(-0.10, -0.05, -0.10, 0.11, 0.015), BLUE_LIGHT),
)
_BOWL = _on_counter(
    Layer(box(-0.08, 0.12, 0.08, 0.18, 0.02), TEAL_DARK),
    Layer(below(disc(0, -0.08, 0.24), -0.10), TEAL),
    Layer(box(-0.25, -0.14, 0.25, -0.08, 0.03), TEAL_DARK),
    Layer(capsule(-0.14, -0.02, -0.07, 0.08, 0.015), TEAL_LIGHT),
)
# A knife's blade ends in a point, a spatula's is broad and slotted.
_KNIFE = _on_counter(
    Layer(capsule(0, 0.09, 0, 0.22, 0.046), GRIP),
    Layer(capsule(-0.01, 0.03, 0.03, -0.26, 0.075, 0.008), STEEL),
    Layer(capsule(0.05, 0.04, 0.035, -0.20, 0.014, 0.006), STEEL_DARK),
)
_SPATULA = _on_counter(
    Layer(capsule(0, 0.09, 0, 0.22, 0.046), WOOD),
    Layer(capsule(0, 0.0, 0, 0.08, 0.025), STEEL_DARK),
    Layer(box(-0.10, -0.26, 0.10, 0.0, 0.03), STEEL),
    Layer(capsule(-0.04, -0.20, -0.04, -0.07, 0.016), STEEL_DARK),
    Layer(capsule(0.04, -0.20, 0.04, -0.07, 0.016), STEEL_DARK),
)
# A pan has one long handle, a pot two ears and soup in it.
_PAN = _on_counter(
    Layer(capsule(0.12, 0.12, 0.26, 0.26, 0.032), GRIP),
    Layer(disc(-0.03, -0.03, 0.19), IRON_LIGHT),
    Layer(disc(-0.03, -0.03, 0.155), IRON_DARK),
    Layer(capsule(-0.10, -0.11, -0.05, -0.14, 0.014), IRON_LIGHT),
)
_POT = _on_counter(
    Layer(capsule(-0.25, 0, 0.25, 0, 0.045), GRIP),
    Layer(disc(0, 0, 0.19), IRON_LIGHT),
    Layer(disc(0, 0, 0.155), IRON_DARK),
    Layer(disc(0, 0, 0.125), BROTH),
    Layer(capsule(-0.07, -0.08, -0.02, -0.11, 0.014), IRON_LIGHT),
)
# A tomato wears a green star, an apple a stalk with one leaf and a waist.
_TOMATO = _on_counter(
    Layer(capsule(-0.03, 0.01, 0.03, 0.01, 0.17), RED),
    Layer(capsule(0, -0.10, -0.10, -0.10, 0.03, 0.01), LEAF),
    Layer(capsule(0, -0.10, 0.10, -0.10, 0.03, 0.01), LEAF),
    Layer(capsule(0, -0.10, -0.06, 0.0, 0.03, 0.01), LEAF),
    Layer(capsule(0, -0.10, 0.06, 0.0, 0.03, 0.01), LEAF),
    Layer(disc(-0.10, 0.05, 0.03), SHINE, opacity=0.7, blur=0.03),
)
_APPLE = _on_counter(
    Layer(capsule(-0.06, -0.03, -0.03, 0.07, 0.13, 0.11), CRIMSON),
    Layer(capsule(0.06, -0.03, 0.03, 0.07, 0.13, 0.11), CRIMSON),
    Layer(capsule(-0.03, -0.11, 0.03, -0.11, 0.025), CRIMSON_DARK),
    Layer(capsule(0, -0.11, 0.02, -0.24, 0.018), STALK),
    Layer(capsule(0.04, -0.20, 0.13, -0.24, 0.03, 0.012), LEAF),
    Layer(disc(-0.10, -0.05, 0.03), SHINE, opacity=0.7, blur=0.03),
)

GLYPHS: dict[str, tuple[Layer, ...]] = {
    "plate": _PLATE,
    "lid": _LID,
    "cup": _CUP,
    "bowl": _BOWL,
    "knife": _KNIFE,
    "spatula": _SPATULA,
    "pan": _PAN,
    "pot": _POT,
    "tomato": _TOMATO,
    "apple": _APPLE,
}
