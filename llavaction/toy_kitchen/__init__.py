"""A tiny egocentric world, written in the real EPIC-KITCHENS-100 formats, for demos and tests on a CPU.

| file | says |
| --- | --- |
| `vocabulary` | 8 verbs in 4 time-reversed pairs, 10 nouns in 5 look-alike pairs, and how they are narrated |
| `scenes` | who does what when: participants, videos, segments |
| `annotations` | the plan as EPIC-KITCHENS-100 CSV files |
| `specialist` | the ranked answers of an imperfect action-recognition model |
| `motions` | where hand, object and props are at each moment of an action |
| `shapes`, `glyphs`, `decor` | painting: blobs, objects and hands, kitchens |
| `render` | a video's frames |
| `write` | all of it to disk |
"""
