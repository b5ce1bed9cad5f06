"""Code that several studies use: random problems, memories by name, styles of figures.

Names are imported when they are used, so that settings import no jax.
"""

from typing import TYPE_CHECKING

from nam_jax._lazy import attach

if TYPE_CHECKING:
    from nam_jax.experiment.common._attributes import attributes
    from nam_jax.experiment.common._binary_images import BinaryImages, binary_images
    from nam_jax.experiment.common._compositions import (
        composed_astrocyte,
        composed_dense,
        composed_gap_junctions,
        composed_two_layers,
    )
    from nam_jax.experiment.common._context import (
        computing,
        counted,
        in_context,
        progress_bar,
        tracked,
    )
    from nam_jax.experiment.common._figures import (
        COLUMN,
        PAGE,
        errors,
        in_style,
        legend_below,
        log_ticks,
        new_figure,
        show_pictures,
        styled,
    )
    from nam_jax.experiment.common._memories import (
        UPDATES,
        Costs,
        Memory,
        astrocyte_costs,
        check_size,
        dense_costs,
    )
    from nam_jax.experiment.common._names import Names, Row
    from nam_jax.experiment.common._names import Whole as Whole
    from nam_jax.experiment.common._programs import keep_programs
    from nam_jax.experiment.common._random import (
        RandomProblem,
        Recalls,
        drawn_problem,
        key_of_seed,
        keys_of_seeds,
        padded,
        patterns_of,
        random_problem,
        recall_all,
        recall_from_starts,
        starts,
    )
    from nam_jax.experiment.common._registry import (
        MEMORIES,
        SEPARATIONS,
        SIMILARITIES,
        WEIGHTINGS,
        separations,
    )
    from nam_jax.experiment.common._results import result_variable
    from nam_jax.experiment.common._seeds import over_seeds
    from nam_jax.experiment.common._settings import criterion_text, rest_of, settings_text
    from nam_jax.experiment.common._slopes import Slope, log_slope
    from nam_jax.experiment.common._training import cosine_adam, gradient_routes
    from nam_jax.experiment.common._variants import (
        Exchanged,
        certified,
        reduced,
        released_with,
        ungated,
        with_gain,
    )

__getattr__, __dir__ = attach(
    __name__,
    {
        "_attributes": ["attributes"],
        "_binary_images": ["BinaryImages", "binary_images"],
        "_compositions": [
            "composed_astrocyte",
            "composed_dense",
            "composed_gap_junctions",
            "composed_two_layers",
        ],
        "_context": ["computing", "counted", "in_context", "progress_bar", "tracked"],
        "_figures": [
            *("COLUMN", "PAGE", "errors", "in_style", "legend_below", "log_ticks"),
            *("new_figure", "show_pictures", "styled"),
        ],
        "_memories": [
            "UPDATES",
            "Costs",
            "Memory",
            "astrocyte_costs",
            "check_size",
            "dense_costs",
        ],
        "_names": ["Names", "Row", "Whole"],
        "_programs": ["keep_programs"],
        "_random": [
            "RandomProblem",
            "Recalls",
            "drawn_problem",
            "key_of_seed",
            "keys_of_seeds",
            "padded",
            "patterns_of",
            "random_problem",
            "recall_all",
            "recall_from_starts",
            "starts",
        ],
        "_registry": [
            "MEMORIES",
            "SEPARATIONS",
            "SIMILARITIES",
            "WEIGHTINGS",
            "separations",
        ],
        "_results": ["result_variable"],
        "_seeds": ["over_seeds"],
        "_settings": ["criterion_text", "rest_of", "settings_text"],
        "_slopes": ["Slope", "log_slope"],
        "_training": ["cosine_adam", "gradient_routes"],
        "_variants": ["Exchanged", "certified", "reduced", "released_with", "ungated", "with_gain"],
    },
)

__all__ = [
    "COLUMN",
    "MEMORIES",
    "PAGE",
    "SEPARATIONS",
    "SIMILARITIES",
    "UPDATES",
    "WEIGHTINGS",
    "BinaryImages",
    "Costs",
    "Exchanged",
    "Memory",
    "Names",
    "RandomProblem",
    "Recalls",
    "Row",
    "Slope",
    "astrocyte_costs",
    "attributes",
    "binary_images",
    "certified",
    "check_size",
    "composed_astrocyte",
    "composed_dense",
    "composed_gap_junctions",
    "composed_two_layers",
    "computing",
    "cosine_adam",
    "counted",
    "criterion_text",
    "dense_costs",
    "drawn_problem",
    "errors",
    "gradient_routes",
    "in_context",
    "in_style",
    "keep_programs",
    "key_of_seed",
    "keys_of_seeds",
    "legend_below",
    "log_slope",
    "log_ticks",
    "new_figure",
    "over_seeds",
    "padded",
    "patterns_of",
    "progress_bar",
    "random_problem",
    "recall_all",
    "recall_from_starts",
    "reduced",
    "released_with",
    "rest_of",
    "result_variable",
    "separations",
    "settings_text",
    "show_pictures",
    "starts",
    "styled",
    "tracked",
    "ungated",
    "with_gain",
]
