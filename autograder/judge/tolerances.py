"""Every tolerance of the grader, each with the measurement that set it.

`tests/autograder/test_tolerances.py` repeats the measurements on fresh seeds.
"""

ROUNDING = 2e-5
"""Relative L2 error that counts as rounding. Float32 throughout leaves 1e-7 to 2e-6 on the probes, half
precision 2e-4 and more."""

LARGEST_CELL = 1.6
"""The largest cell of a textbook rule, in intervals of 1/n. A rule with non-negative weights that add up to one, whose k-th node
lies in the k-th of cells as long as its weights, errs by at most its largest cell times the variation of the integrand
(P. Davis and P. Rabinowitz, Methods of Numerical Integration, 1984, section 2.1). Riemann sums have cells of 1 and less, the
means over both ends of n/(n - 1), Simpson's rule 4/3, Boole's 1.42, those of Gauss, Legendre, Clenshaw and Curtis pi/2."""

RULE_MARGIN = 1.5
"""The sum of a study's map may miss F(x) - F(x') by this many times what the worst of four rules at its count leaves."""

SAME_MAP = 1e-3
"""Relative L2 distance below which an answer is said to be what a known mistake gives. Rounding is 50 times
smaller; two different mistakes are 1e-2 or more apart on at least one probe."""

HALF_PRECISION = 5e-3
"""Relative errors up to this, and above ROUNDING, on every affine probe, are blamed on the number format."""

PROPORTIONAL = 1e-6
"""1 - cosine below which a map is a multiple of the true one."""

MAP_MARGIN = 2.0
"""On a photo a map may be this many times as far from the recomputed one as the worst of four rules. Gauss-
Legendre was up to 1.5 times as far as the worst of the others (EfficientNet-Lite0, five photos, 10 to 50 steps)."""

IN_REACH = 2.0
"""A photo's map this many times as far from the recomputed one as MAP_MARGIN allows is not held against rules that need gradients
of their own. That is four times the worst of four rules; those rules were 1.04 to 1.67 times as far as it (EfficientNet-Lite0, one
photo from black, 5 to 50 steps)."""

LARGEST_MAP_ERROR = 0.6
"""However few the steps, a map farther off than this is not accepted. Gradient x input is 0.9 to 1.0 off; honest
maps are 0.02 to 0.1 off at 50 steps, 0.1 to 0.5 at 10."""

RECOMPUTED_GRADIENT = 1e-3
"""Relative L2 distance between the same gradient computed twice, in other chunks and another memory layout: 7e-7 to
3e-6 on EfficientNet-Lite0; other processors and builds of torch were given room."""

GRADIENT_NEAR_A_KINK = 8e-3
"""Relative L2 distance between the gradients of one photo, in other batches and with other numbers of threads, or in float64:
1e-6 for most, and up to 5.2e-3 where a ReLU unit is so near its kink that rounding decides on which side it is
(EfficientNet-Lite0, ten photos, batches of 1 to 8, 1 to 4 threads). A factor of 1.01 is further. In the sum of a map such units
average out."""

CONVERTED_GRADIENT = 1.5e-2
"""The same for a model that was exported to ONNX and turned back: batch normalisation is folded into the weights, so that kinks are
crossed elsewhere. At eight photos 1e-6 to 6e-3 on EfficientNet-Lite0; the maps of two of them with 50 steps, 6e-4 and 8e-4."""

PIXEL_SLACK = 1e-3
"""How far a pixel may lie outside [0, 1], as it may after resizing."""

MAX_RECOMPUTED_STEPS = 100
"""Steps that the grader recomputes at most for one picture: 201 gradients."""

EXACT_MAP = 1.5e-3
"""Relative L2 distance below which a study's map is said to be a textbook rule's, or a known mistake's. Rounding is 7e-7 to
3e-6; the near misses at 50 steps are 2e-2 from the rules."""

NEARLY_ADDS_UP = 0.25
"""How far a map's sum may be from the change of the scores that a fault's text says it is of, relative to that change. Of 600
maps of digits at 20 steps, of logits and of probabilities from three baselines, all were so near to their own change and none to
that of the other kind (1 % within 0.78)."""
PROPORTIONAL_MAP = 1e-5
"""1 - cosine below which a study's map is a multiple of a known mistake's: an error of 0.5 % across the direction."""

ACROSS = 0.05
"""A map is a textbook rule's times a factor when what is left of it is this small beside the factor's distance from one. Another
rule or count leaves as much across the direction as along it."""

LEAST_MOVE = 1e-3
"""What a map's values have to add up to without their signs, of the larger score, for F to move on the path at all. On digits,
colours and photos from black and from noise it is 1.07 and more."""

IN_CELLS = 0.02
"""Relative distance of a map from the nearest mean of gradients, one from each of n equal cells of the path, that is put down to
the nodes at which the cells' gradients were taken. With half as many, stratified nodes left up to 0.035 at 5 steps on digits,
0.015 at 20 and 0.0085 at 50, and less than 1e-3 on smooth colours; noise of 3 % left 0.025 and more."""

SAME_SUM = 2e-3
"""Relative difference within which a map's sum was made to be F(x) - F(x')."""

TOO_NEAR = 5
"""A map is another count's when it is this many times nearer to that of the study's finest count than every textbook rule's of its
own. No map of the corpus's right studies is; one map of 200 steps under all counts is, with noise of up to 0.01 of it (digits)."""

COPIED_MAP = 1e-7
"""Relative L2 distance below which two maps of a study are copies. The same map in chunks of 3 and of 8 differs by
7e-7 on a photo."""

ODD_GAP = 2.0
"""A map outside the sample is recomputed when its gap is this many times the largest that the sample's rules leave."""

MAX_RECOMPUTED_PHOTO_GRADIENTS = 1000
"""Gradients of a 224 x 224 photo that are spent on the sample of one study: about half a minute on two cores."""

FEEDBACK_PHOTO_GRADIENTS = 100
"""The same where `submit` gives feedback in a student's notebook, so that trying things out stays quick."""

FEEDBACK_SECONDS = 15.0
"""What `submit` takes at most for feedback, by the wall clock, however large the pictures and the network: what would take longer
is left out, and the feedback says so."""

MAX_PATHS = 6
"""Odd maps outside the sample that are recomputed."""

SAME_PICTURE = 0.004
"""Mean absolute difference of pixels below which two pictures are one: a grey level of 255, such as rounding leaves."""

TWIN = 0.9995
"""Correlation above which a picture is another one re-scaled. A Gaussian blur of one pixel leaves 0.974
to 0.998 on the ten photos."""

REPEATED_PICTURE = 0.998
"""Correlation, of grey levels or of their ranks and in size, above which two images of a study are one, brightened, inverted,
mirrored, turned, shifted or with noise on it. Of scikit-learn's 1,797 digits, 8 x 8, no two reach more than 0.9943, as they are or
in any of 8 positions and 64 shifts; two copies with noise of 0.01 reach 0.9991 and more."""

NEARLY_PART_OF_PICTURE, PART_OF_PICTURE = 0.9, 0.98
"""Correlations of details above which the middle of a picture is nearly, and is, a part of another one. Of six cuts of 40 to 100 %
of a photo, every second one mirrored and pale, the best pair of 15 had 0.988 and more, for each of the ten. The ten photos reach
0.81 among themselves, 24 other pictures 0.91, scikit-learn's digits, drawn 64 pixels wide, 0.973 in 3,600 pairs."""

LIKE_PICTURE, FEWEST_DIFFERENT = 0.95, 3
"""Correlation above which two images, averaged down to at most 32 pixels a side, are likenesses of one, and how many images that no
chain of likenesses connects a study needs. In 1,200 sets of ten of scikit-learn's digits of one class there were never fewer than
3, in 60 sets of mixed digits never fewer than 8; the ten photos are 10. One digit turned by up to 20 degrees, sheared, warped,
sized from 0.6 to 1.5, mixed with a fifth of another or with noise of 0.1 on it leaves 1 or 2."""

LEAST_NEIGHBOURS = 0.2
"""Correlation of neighbouring pixels below which an image is noise. Those digits have 0.28 and more, photos 0.9; of 2,000 draws of
uniform noise, 8 x 8, 99 in 100 have less than 0.19, and larger ones have none."""

DRAWS_OF_NOISE = 2.5
"""Mean distance of the sorted values of two draws of one noise, in standard deviations over the root of the number of values: half
of 300 pairs stay below 1.7, and the largest was 4.7. Uniform noise and a normal one of 0.25 are 3.4 and more apart on ten pictures
of 8 x 8, and 15.9 and more on ten of 28 x 28."""

BEYOND_NOISE = 0.02
"""Mean absolute difference of pixels, of 1, by which two baselines have to differ: five grey levels of 255."""

PREDICTION_TIE = 1e-3
"""How far below the largest score that of a stated prediction may lie, for ties that another processor breaks otherwise."""

STATED_GAP, STATED_GAP_FLOOR = 0.03, 0.003
"""How far a stated relative gap may be from the recomputed one: this share of it, and this much besides, for digits that were
rounded and scores that were computed in another batch."""

BORDERLINE = 0.002
"""A relative gap this near to 5 % counts as on either side of it."""

LEAST_ABOVE = 40
"""Of 60 held-out pictures, those on which a measure has to rate the true map above a control; equal numbers count half. The
pictures are the same for everybody: see `autograder/judge/probes/measures.py`."""

LEAST_OWN = 17
"""Of 30 questions about pictures of two digits, those in which a measure tells the map of the network that looks at one digit from
the map of the one that looks at the other. What rates maps without asking the network does so in 15 of them, whatever it is; of
the corpus's right measures each does in 19 or more, all but one in 22."""

LEAST_RANKED = 287
"""Of 480 random rankings that the seed draws, eight for each picture, those above which the measure of a study has to rate the true
map; equal numbers count half. Numbers that know nothing of the map reach it in 1.0 % of the draws: the place of one number among
nine is as likely as any other, 60 times. Three of the least sure measures that the corpus calls right are above in 297 to 328, 309
to 344 and 351 to 371 cases (10 draws each). With two rankings for each picture and 66 of 120, numbers by chance passed in 19 %."""

LEAST_TOLD = 6
"""With fewer pictures than this told apart, a measure is said not to see the difference at all."""

SAME_QUALITY = 1e-4
"""Difference, of the spread of a measure's own numbers, within which two of them are the same: the score of a photo alone and in
a batch of ten differs by 8e-7 of a spread of 0.1 and more. A constant of 1e-8 that is added to a map's range against division by
zero moves its numbers by less."""

STATED_QUALITY = 2e-3
"""How far a stated quality may be from what the measure gives again, for digits that were rounded: this share of it, or of the
spread of the measure's numbers in the study."""

FEWEST_STEPS = 5
"""With fewer steps than this a textbook rule's map is not taken as integrated gradients for its formula alone: the right rule
with one step is (x - x') times the gradient at x."""

REPEATED_SCORE = 1e-4
"""How far a model's score of one picture may be from its score of the same picture in another batch, of 1 or of the largest score:
float32 leaves 1e-6; dropout or batch statistics left on change it by 1e-2 and more."""

SMALL_STEPS = (1e-3, 3e-4, 1e-4)
"""Steps of every pixel by which a model's gradient is compared with its scores: see FOREIGN_GRADIENTS."""
LEAST_STEP = 1e-5
"""A change of the score below this share of the largest score is float32's rounding, and says nothing of a gradient."""
FOREIGN_GRADIENTS = 0.5
"""A model's gradients are not its scores' own when, over 16 points of the study's paths, the change of the score in small steps of
every pixel up or down, and the change that the gradient says, lie apart by more than this share of both together, at every
one of these sizes of the step. On four photos with EfficientNet-Lite0 the best size left 0.03 to 0.09, on small
convolutional networks 0.03 at most; a gradient that has nothing to do with the score leaves 0.7 to 1. A change of the score below
LEAST_STEP of the largest score is float32's rounding."""

ADVERSARIAL = 0.06
"""Mean absolute difference of pixels up to which a baseline may be an adversarial version of the image: 15 grey levels of 255.
On the ten photos one signed-gradient step of 0.01 changes the class, or two; the mean difference is then 0.01."""
