(** What do the proved statements speak about?

    Every notion a statement of this folder uses is defined here and nowhere else; theory.md's notation is
    named beside each one.  Integrals are Riemann integrals (Coquelicot's RInt; ex_RInt says that one exists).
    A function F comes with its gradient D: [D i z] is the value used for the i-th partial derivative at z.
    That D is the derivative is always an explicit premise, never part of a definition. *)
From Coq Require Import Reals Arith List.
From Coquelicot Require Import Coquelicot.
Open Scope R_scope.

(** * Points, functions and derivatives *)

(** A point of R^n: a function nat -> R of which only the coordinates i < n matter. *)
Definition point := nat -> R.

(** f 0 + ... + f (n-1). *)
Fixpoint sumR (n : nat) (f : nat -> R) : R :=
  match n with O => 0 | S k => sumR k f + f k end.

(** F is a function of the first n coordinates: F : R^n -> R. *)
Definition on_Rn (n : nat) (F : point -> R) : Prop :=
  forall y z, (forall i, (i < n)%nat -> y i = z i) -> F y = F z.

(** z with coordinate i replaced by s. *)
Definition upd (z : point) (i : nat) (s : R) : point :=
  fun k => if Nat.eqb k i then s else z k.

(** l is the i-th partial derivative of F at z. *)
Definition is_partial (F : point -> R) (i : nat) (z : point) (l : R) : Prop :=
  is_derive (fun s => F (upd z i s)) (z i) l.

(** z is nearer than r to p in each of the first n coordinates. *)
Definition near (n : nat) (r : R) (p z : point) : Prop :=
  forall i, (i < n)%nat -> Rabs (z i - p i) < r.

(** G : R^n -> R is continuous at p. *)
Definition cont_at (n : nat) (G : point -> R) (p : point) : Prop :=
  forall eps, 0 < eps -> exists d, 0 < d /\ forall z, near n d p z -> Rabs (G z - G p) < eps.

(** F is C1 at p: the partial derivatives are D near p, and D is continuous at p. *)
Definition C1_at (n : nat) (F : point -> R) (D : nat -> point -> R) (p : point) : Prop :=
  (exists r, 0 < r /\ forall z, near n r p z -> forall i, (i < n)%nat -> is_partial F i z (D i z)) /\
  (forall i, (i < n)%nat -> cont_at n (D i) p).

(** The set E is countable (or finite, or empty): e lists it. *)
Definition countable (E : R -> Prop) : Prop :=
  exists e : nat -> R, forall t, E t -> exists k, t = e k.

Definition vzero : point := fun _ => 0.
Definition vone : point := fun _ => 1.

(** * Paths and attributions (theory.md, section 0) *)

(** The straight path from the baseline x' to the input x. *)
Definition segment (x' x : point) (t : R) : point := fun i => x' i + t * (x i - x' i).

(** Integrated Gradients of coordinate i, 1703.01365 equation 1: d_i times the mean of D i on the segment. *)
Definition IG (D : nat -> point -> R) (x x' : point) (i : nat) : R :=
  (x i - x' i) * RInt (fun t => D i (segment x' x t)) 0 1.

(** A_i^g: the path attribution along g, whose derivative is dg. *)
Definition attribution (D : nat -> point -> R) (g dg : R -> point) (i : nat) : R :=
  RInt (fun t => D i (g t) * dg t i) 0 1.

(** g is C1 on [0,1] with derivative dg (g is given near the ends too, so that derivatives are two-sided). *)
Definition C1_path (n : nat) (g dg : R -> point) : Prop :=
  forall i, (i < n)%nat -> forall t, 0 <= t <= 1 ->
    is_derive (fun s => g s i) t (dg t i) /\ continuous (fun s => dg s i) t.

(** g is continuous on [0,1], and differentiable with derivative dg off a countable set E: polygons too. *)
Definition path_off (n : nat) (E : R -> Prop) (g dg : R -> point) : Prop :=
  countable E /\ forall i, (i < n)%nat ->
    (forall t, 0 <= t <= 1 -> continuous (fun s => g s i) t) /\
    (forall t, 0 < t < 1 -> ~ E t -> is_derive (fun s => g s i) t (dg t i)).

(** f is continuous between the breakpoints, with one-sided limits everywhere in [0,1]. *)
Definition piecewise_continuous (breaks : list R) (f : R -> R) : Prop :=
  (forall t, 0 < t < 1 -> ~ In t breaks -> continuous f t) /\
  (forall t, 0 <= t < 1 -> exists v, filterlim f (at_right t) (locally v)) /\
  (forall t, 0 < t <= 1 -> exists v, filterlim f (at_left t) (locally v)).

(** No coordinate of the path with derivative dg ever decreases. *)
Definition monotone (n : nat) (dg : R -> point) : Prop :=
  forall i, (i < n)%nat -> forall t, 0 <= t <= 1 -> 0 <= dg t i.

(** The canonical family of c : [0,1] -> R^n, c(0) = 0, c(1) = 1: the path from x' to x is x'_i + d_i c_i(t). *)
Definition canonical (c : R -> point) (x' x : point) (t : R) : point := fun i => x' i + (x i - x' i) * c t i.
Definition canonical_derivative (dc : R -> point) (x' x : point) (t : R) : point :=
  fun i => (x i - x' i) * dc t i.

(** * Symmetry (theory.md, sections 2 and 3) *)

(** z with coordinates i and j exchanged. *)
Definition swap (i j : nat) (z : point) : point :=
  fun k => if Nat.eqb k i then z j else if Nat.eqb k j then z i else z k.

Definition symmetric (i j : nat) (F : point -> R) : Prop := forall z, F (swap i j z) = F z.

(** A path method (P x' x is the path from x' to x, dP x' x its derivative) preserves symmetry: a symmetric C1
    function at inputs and baselines that are equal in i and j gets equal attributions (both premises of
    IG.symmetry). *)
Definition preserves_symmetry (n : nat) (P dP : point -> point -> R -> point) : Prop :=
  forall i j F D x x', (i < n)%nat -> (j < n)%nat -> i <> j -> x i = x j -> x' i = x' j ->
    on_Rn n F -> symmetric i j F -> (forall p, C1_at n F D p) ->
    attribution D (P x' x) (dP x' x) i = attribution D (P x' x) (dP x' x) j.

(** The method gives every C1 function the attributions of Integrated Gradients. *)
Definition equals_IG (n : nat) (P dP : point -> point -> R -> point) : Prop :=
  forall F D x x' i, on_Rn n F -> (forall p, C1_at n F D p) -> (i < n)%nat ->
    attribution D (P x' x) (dP x' x) i = IG D x x' i.

(** The polygon through p 0, .., p m, each side in the time 1/m; and its derivative off the corners. *)
Definition clamp (u : R) : R := Rmax 0 (Rmin 1 u).
Definition polygon (m : nat) (p : nat -> point) (t : R) : point :=
  fun i => p O i + sumR m (fun k => clamp (INR m * t - INR k) * (p (S k) i - p k i)).
Definition dpolygon (m : nat) (p : nat -> point) (t : R) : point :=
  fun i => sumR m (fun k =>
    (if Rlt_dec (INR k) (INR m * t) then if Rlt_dec (INR m * t) (INR k + 1) then INR m else 0 else 0)
    * (p (S k) i - p k i)).

(** UNIQ.not_without_monotonicity: two loops, each the mirror image of the other, on the way from (0,0) to (1,1). *)
Definition two_loops (k : nat) : point :=
  let (a, b) := match k with
    | 0%nat => (0, 0) | 1%nat => (/2, /2)
    | 2%nat => (/2, 3/4) | 3%nat => (/4, 3/4) | 4%nat => (/4, /2) | 5%nat => (/2, /2)
    | 6%nat => (3/4, /2) | 7%nat => (3/4, /4) | 8%nat => (/2, /4) | 9%nat => (/2, /2)
    | _ => (1, 1) end in
  fun i => match i with O => a | _ => b end.

(** z_0^2 z_1 and its gradient. *)
Definition square_product (z : point) : R := z 0%nat ^ 2 * z 1%nat.
Definition Dsquare_product (i : nat) (z : point) : R :=
  match i with O => 2 * z 0%nat * z 1%nat | _ => z 0%nat ^ 2 end.

(** One softplus neuron with equal weights k on coordinates i and j, and its gradient. *)
Definition softplus (a : R) : R := ln (1 + exp a).
Definition sigmoid (a : R) : R := exp a / (1 + exp a).
Definition neuron (i j : nat) (k c : R) (z : point) : R := softplus (k * (z i + z j - c)).
Definition Dneuron (i j : nat) (k c : R) (m : nat) (z : point) : R :=
  if orb (Nat.eqb m i) (Nat.eqb m j) then k * sigmoid (k * (z i + z j - c)) else 0.

(** z_0 z_1 and its gradient; the path (t, t^2) and its derivative. *)
Definition product (z : point) : R := z 0%nat * z 1%nat.
Definition Dproduct (i : nat) (z : point) : R := match i with O => z 1%nat | _ => z 0%nat end.
Definition parabola (t : R) : point := fun i => match i with O => t | _ => t ^ 2 end.
Definition dparabola (t : R) : point := fun i => match i with O => 1 | _ => 2 * t end.

(** UNIQ.not_without_canonicity, two coordinates: the straight path between points on the diagonal, the parabola
    between all others. *)
Definition patched (x' x : point) (t : R) : point :=
  if Req_EM_T (x 0%nat) (x 1%nat) then if Req_EM_T (x' 0%nat) (x' 1%nat) then segment x' x t
    else canonical parabola x' x t else canonical parabola x' x t.
Definition dpatched (x' x : point) (t : R) : point :=
  if Req_EM_T (x 0%nat) (x 1%nat) then if Req_EM_T (x' 0%nat) (x' 1%nat) then fun i => x i - x' i
    else canonical_derivative dparabola x' x t else canonical_derivative dparabola x' x t.

(** A path from (0,0) to (1,0) on which z_1 leaves and returns (IG.sensitivity). *)
Definition detour (t : R) : point := fun i => match i with O => t | _ => t * (1 - t) end.
Definition ddetour (t : R) : point := fun i => match i with O => 1 | _ => 1 - 2 * t end.

(** * Networks and what automatic differentiation returns (PATH.completeness.autodiff) *)

(** A program of coordinates, constants, sums, products, scalar activations and maxima.  [Act f df a] applies f
    to a; df u is what automatic differentiation multiplies with.  [Max w a b] passes the gradient of the larger
    argument on, and at a tie w times the one of a plus (1-w) times the one of b. *)
Inductive net : Type :=
| Var (k : nat) | Cst (c : R) | Plus (a b : net) | Scal (c : R) (a : net) | Times (a b : net)
| Act (f df : R -> R) (a : net) | Max (w : R) (a b : net).

Fixpoint eval (e : net) (z : point) : R :=
  match e with
  | Var k => z k
  | Cst c => c
  | Plus a b => eval a z + eval b z
  | Scal c a => c * eval a z
  | Times a b => eval a z * eval b z
  | Act f _ a => f (eval a z)
  | Max _ a b => Rmax (eval a z) (eval b z)
  end.

(** The slope of a kink at 0: l to its left, r to its right, and any value c0 that a library chose at 0 itself. *)
Definition slope (l r c0 u : R) : R := if Rlt_dec u 0 then l else if Rlt_dec 0 u then r else c0.

(** The gradient that automatic differentiation returns. *)
Fixpoint grad (e : net) (i : nat) (z : point) : R :=
  match e with
  | Var k => if Nat.eqb k i then 1 else 0
  | Cst _ => 0
  | Plus a b => grad a i z + grad b i z
  | Scal c a => c * grad a i z
  | Times a b => grad a i z * eval b z + eval a z * grad b i z
  | Act _ df a => df (eval a z) * grad a i z
  | Max w a b =>
      let share := slope 0 1 w (eval a z - eval b z) in share * grad a i z + (1 - share) * grad b i z
  end.

(** f is an activation with derivative df off countably many kinks (where df may be anything); at a kink f is
    at least Lipschitz on both sides. *)
Definition activation (f df : R -> R) : Prop :=
  (exists kinks, countable kinks /\ forall u, ~ kinks u -> is_derive f u (df u)) /\
  (forall u, exists M d, 0 < d /\ forall v, Rabs (v - u) < d -> Rabs (f v - f u) <= M * Rabs (v - u)).

(** The program reads the first n coordinates, and every activation in it is one. *)
Fixpoint program (n : nat) (e : net) : Prop :=
  match e with
  | Var k => (k < n)%nat
  | Cst _ => True
  | Plus a b => program n a /\ program n b
  | Scal _ a => program n a
  | Times a b => program n a /\ program n b
  | Act f df a => activation f df /\ program n a
  | Max _ a b => program n a /\ program n b
  end.

(** The piecewise-linear activation with slopes l and r; ReLU, leaky ReLU and absolute value, with any value c0
    for the derivative at 0. *)
Definition kink (l r u : R) : R := if Rlt_dec u 0 then l * u else r * u.
Definition Kink (l r c0 : R) (a : net) : net := Act (kink l r) (slope l r c0) a.
Definition Relu (c0 : R) (a : net) : net := Kink 0 1 c0 a.
Definition LeakyRelu (l c0 : R) (a : net) : net := Kink l 1 c0 a.
Definition Abs (c0 : R) (a : net) : net := Kink (-1) 1 c0 a.

(** A piecewise-linear program of the first n coordinates: no products, no activation but [Kink]. *)
Inductive piecewise_linear (n : nat) : net -> Prop :=
| pl_var k : (k < n)%nat -> piecewise_linear n (Var k)
| pl_cst c : piecewise_linear n (Cst c)
| pl_plus a b : piecewise_linear n a -> piecewise_linear n b -> piecewise_linear n (Plus a b)
| pl_scal c a : piecewise_linear n a -> piecewise_linear n (Scal c a)
| pl_kink l r c0 a : piecewise_linear n a -> piecewise_linear n (Kink l r c0 a)
| pl_max w a b : piecewise_linear n a -> piecewise_linear n b -> piecewise_linear n (Max w a b).

(** The Cantor function and its approximants (PATH.completeness.cantor): the mean of two copies of
    the approximant before, at 3 t and at 3 t - 2; as a ReLU network applied to e; and their limit. *)
Fixpoint cantor (k : nat) (t : R) : R :=
  match k with O => clamp t | S k => (cantor k (3 * t) + cantor k (3 * t - 2)) / 2 end.
Fixpoint cantor_net (k : nat) (e : net) : net :=
  match k with
  | O => Plus (Relu 0 e) (Scal (-1) (Relu 0 (Plus e (Cst (-1)))))
  | S k => Scal (/ 2) (Plus (cantor_net k (Scal 3 e)) (cantor_net k (Plus (Scal 3 e) (Cst (-2)))))
  end.
Definition cantor_function (t : R) : R := real (Lim_seq (fun k => cantor k t)).

(** E is covered by finitely many intervals of any total length eps: it has content, and so measure, 0. *)
Definition negligible (E : R -> Prop) : Prop :=
  forall eps, 0 < eps -> exists n a b, (forall k, (k < n)%nat -> a k <= b k) /\
    sumR n (fun k => b k - a k) < eps /\ forall t, E t -> exists k, (k < n)%nat /\ a k <= t <= b k.

(** No activation and no maximum of the program sits at a kink at z. *)
Fixpoint no_kink (e : net) (z : point) : Prop :=
  match e with
  | Var _ | Cst _ => True
  | Plus a b | Times a b => no_kink a z /\ no_kink b z
  | Scal _ a => no_kink a z
  | Act f df a => no_kink a z /\ is_derive f (eval a z) (df (eval a z))
  | Max _ a b => no_kink a z /\ no_kink b z /\ eval a z <> eval b z
  end.

(** * Softmax (theory.md, section 7) *)

Definition softmax (n : nat) (z : point) (i : nat) : R := exp (z i) / sumR n (fun k => exp (z k)).

(** The shift t(z) = sum of v_i (z_i - x'_i) / d_i and its gradient v_i / d_i (0 where d_i = 0 and v_i = 0). *)
Definition attack_gradient (v x x' : point) (i : nat) : R := v i / (x i - x' i).
Definition attack_shift (n : nat) (v x x' z : point) : R :=
  sumR n (fun i => attack_gradient v x x' i * (z i - x' i)).

(** * Riemann–Stieltjes sums and quadrature (theory.md, section 4) *)

(** Riemann–Stieltjes sums over the cells 0 .. n-1 of samples f, a taken at points 0 .. n (theory.md §4). *)
Definition left_sum (n : nat) (f a : nat -> R) : R := sumR n (fun l => f l * (a (S l) - a l)).
Definition right_sum (n : nat) (f a : nat -> R) : R := sumR n (fun l => f (S l) * (a (S l) - a l)).
Definition trapezoid_sum (n : nat) (f a : nat -> R) : R :=
  sumR n (fun l => (f l + f (S l)) / 2 * (a (S l) - a l)).

(** The same sum with one coefficient per sample; the neighbours of the end samples are the ends
    (RS.trapezoid_central). *)
Definition central_sum (n : nat) (f a : nat -> R) : R :=
  / 2 * sumR (S n) (fun l => f l * (a (Nat.min (S l) n) - a (Nat.pred l))).

(** A layer sum: one Riemann–Stieltjes sum per channel k < m of the trajectory h (point, channel) of the layer. *)
Definition layer_sum (rule : nat -> (nat -> R) -> (nat -> R) -> R) (n m : nat)
    (D : nat -> point -> R) (h : nat -> point) : R :=
  sumR m (fun k => rule n (fun l => D k (h l)) (fun l => h l k)).

(** A head of degree at most 2 in m channels and its gradient. *)
Definition quadratic (m : nat) (c : R) (b : point) (Q : nat -> point) (z : point) : R :=
  c + sumR m (fun i => b i * z i) + sumR m (fun i => sumR m (fun j => Q i j * (z i * z j))).
Definition quadratic_grad (m : nat) (b : point) (Q : nat -> point) (i : nat) (z : point) : R :=
  b i + sumR m (fun j => (Q i j + Q j i) * z j).

(** Increasing points t 0 = a, .., t n = b, a tag s l in each cell, no cell wider than d. *)
Definition tagged_partition (d a b : R) (n : nat) (t s : nat -> R) : Prop :=
  t O = a /\ t n = b /\
  forall l, (l < n)%nat -> t l <= s l <= t (S l) /\ t (S l) - t l <= d.
Definition stieltjes_sum (n : nat) (f g : R -> R) (t s : nat -> R) : R :=
  sumR n (fun l => f (s l) * (g (t (S l)) - g (t l))).

(** I is the Riemann–Stieltjes integral of f against g on [a, b]. *)
Definition is_stieltjes (f g : R -> R) (a b I : R) : Prop :=
  forall eps, 0 < eps -> exists d, 0 < d /\
    forall n t s, tagged_partition d a b n t s -> Rabs (stieltjes_sum n f g t s - I) < eps.

(** A step at 1/2, for integrand and integrator at once (RS.existence). *)
Definition jump (t : R) : R := if Rle_dec (/ 2) t then 1 else 0.

(** The total variation of f on [a, b] is at most V. *)
Definition variation_le (f : R -> R) (a b V : R) : Prop :=
  forall n u, (forall l, (l < n)%nat -> u l <= u (S l)) -> a <= u O -> u n <= b ->
    sumR n (fun l => Rabs (f (u (S l)) - f (u l))) <= V.
(** The oscillation of f on [a, b] is at most w. *)
Definition oscillation_le (f : R -> R) (a b w : R) : Prop :=
  forall s t, a <= s <= b -> a <= t <= b -> Rabs (f s - f t) <= w.

(** A quadrature rule on [0, 1] with n nodes t l and weights w l; IG computed with it. *)
Definition quadrature (n : nat) (t w : nat -> R) (f : R -> R) : R := sumR n (fun l => w l * f (t l)).
Definition rule_IG (n : nat) (t w : nat -> R) (D : nat -> point -> R) (x x' : point) (i : nat) : R :=
  (x i - x' i) * quadrature n t w (fun s => D i (segment x' x s)).

(** The ends of n equal cells of [a, b]. *)
Definition grid (a b : R) (n l : nat) : R := a + INR l * ((b - a) / INR n).

(** The nodes interlace the partial sums of the positive weights (QUAD.variation_bound). *)
Definition interlacing (n : nat) (t w : nat -> R) : Prop :=
  sumR n w = 1 /\ forall l, (l < n)%nat -> 0 < w l /\ sumR l w <= t l <= sumR (S l) w.

(** The rules of theory.md with n equal cells (the trapezoid has n + 1 nodes). *)
Definition uniform_weight (n l : nat) : R := / INR n.
Definition left_node (n l : nat) : R := INR l / INR n.
Definition right_node (n l : nat) : R := INR (S l) / INR n.
Definition midpoint_node (n l : nat) : R := (INR l + / 2) / INR n.
Definition trapezoid_weight (n l : nat) : R :=
  if orb (Nat.eqb l 0) (Nat.eqb l n) then / (2 * INR n) else / INR n.

(** Simpson's rule on n cells of [0, 1]. *)
Definition simpson (n : nat) (f : R -> R) : R :=
  sumR n (fun l => (f (left_node n l) + 4 * f (midpoint_node n l) + f (right_node n l)) / (6 * INR n)).
(** The polynomial with coefficients l, lowest degree first; with roots t 0, .., t (n-1). *)
Fixpoint polynomial (l : list R) (s : R) : R := match l with nil => 0 | cons c l => c + s * polynomial l s end.
Fixpoint node_polynomial (n : nat) (t : nat -> R) (s : R) : R :=
  match n with O => 1 | S k => node_polynomial k t s * (s - t k) end.

(** d is the differentiation matrix of the nodes t 0, .., t m: exact on polynomials of degree at most m; and the layer
    sum f^T W d a of samples f, a at the nodes with the weights w (RS.spectral). *)
Definition differentiates (m : nat) (t : nat -> R) (d : nat -> nat -> R) : Prop :=
  forall p, (length p <= S m)%nat -> forall l, (l <= m)%nat ->
    is_derive (polynomial p) (t l) (sumR (S m) (fun j => d l j * polynomial p (t j))).
Definition spectral_sum (m : nat) (w : nat -> R) (d : nat -> nat -> R) (f a : nat -> R) : R :=
  sumR (S m) (fun l => f l * w l * sumR (S m) (fun j => d l j * a j)).

(** The divided difference of f between u and v; its derivative where they are equal (SECANT.completeness). *)
Definition divided_difference (f df : R -> R) (u v : R) : R :=
  if Req_EM_T u v then df u else (f v - f u) / (v - u).
(** The multiplier of input i on the cell from y to z: the chain rule with divided differences for derivatives.
    A product uses the mean of each factor, and max(a, b) is (a + b + |a - b|) / 2. *)
Fixpoint multiplier (e : net) (i : nat) (y z : point) : R :=
  match e with
  | Var k => if Nat.eqb k i then 1 else 0
  | Cst _ => 0
  | Plus a b => multiplier a i y z + multiplier b i y z
  | Scal c a => c * multiplier a i y z
  | Times a b =>
      multiplier a i y z * ((eval b y + eval b z) / 2) + (eval a y + eval a z) / 2 * multiplier b i y z
  | Act f df a => divided_difference f df (eval a y) (eval a z) * multiplier a i y z
  | Max w a b =>
      let m := divided_difference Rabs (fun _ => 2 * w - 1) (eval a y - eval b y) (eval a z - eval b z) in
      (1 + m) / 2 * multiplier a i y z + (1 - m) / 2 * multiplier b i y z
  end.
(** On the straight cell from y to z a keeps its side: it is positive inside and at one end at least, or negative so,
    or 0 throughout. *)
Definition keeps_side (y z : point) (a : net) : Prop :=
  let u := fun t => eval a (segment y z t) in
  ((forall t, 0 < t < 1 -> 0 < u t) /\ 0 <= u 0 /\ 0 <= u 1 /\ 0 < u 0 + u 1) \/
  ((forall t, 0 < t < 1 -> u t < 0) /\ u 0 <= 0 /\ u 1 <= 0 /\ u 0 + u 1 < 0) \/
  (forall t, 0 <= t <= 1 -> u t = 0).
(** No unit of the network changes sign on the cell; at most one does (SECANT.exact_single_kink). *)
Inductive still (y z : point) : net -> Prop :=
| still_var k : still y z (Var k)
| still_cst c : still y z (Cst c)
| still_plus a b : still y z a -> still y z b -> still y z (Plus a b)
| still_scal c a : still y z a -> still y z (Scal c a)
| still_kink l r c0 a : still y z a -> keeps_side y z a -> still y z (Kink l r c0 a).
Inductive one_kink (y z : point) : net -> Prop :=
| one_none e : still y z e -> one_kink y z e
| one_left a b : one_kink y z a -> still y z b -> one_kink y z (Plus a b)
| one_right a b : still y z a -> one_kink y z b -> one_kink y z (Plus a b)
| one_scal c a : one_kink y z a -> one_kink y z (Scal c a)
| one_before l r c0 a : one_kink y z a -> keeps_side y z a -> one_kink y z (Kink l r c0 a)
| one_here l r c0 a : still y z a -> one_kink y z (Kink l r c0 a).
(** Two units in series that both change sign; and one that does, before a unit that leaves its kink only inside. *)
Definition two_in_series : net := Relu 0 (Plus (Relu 0 (Var 0)) (Scal (-1) (Var 1))).
Definition dip : net :=
  Relu 1 (Plus (Plus (Abs 0 (Plus (Scal 2 (Var 0)) (Cst (-1)))) (Cst (-1))) (Plus (Var 1) (Scal (-1) (Var 0)))).

(** The program reads the first n coordinates only. *)
Fixpoint reads (n : nat) (e : net) : Prop :=
  match e with
  | Var k => (k < n)%nat
  | Cst _ => True
  | Plus a b | Times a b | Max _ a b => reads n a /\ reads n b
  | Scal _ a | Act _ _ a => reads n a
  end.

(** * Grad-CAM and Grad-CAM++ (theory.md, section 6) *)

(** A layer: channel k, position p < P, value.  Gradients g of the score at the activations A have the same shape. *)
Definition layer := nat -> point.

Definition relu (u : R) : R := Rmax 0 u.
(** The factor of Grad-CAM++ at gradient g, s the sum of the channel over the whole map; 0 where g = 0. *)
Definition alpha (g s : R) : R := if Req_EM_T g 0 then 0 else g ^ 2 / (2 * g ^ 2 + s * g ^ 3).
(** Channel weights: Grad-CAM (the mean), with positive gradients (the sum, the scaling of Grad-CAM++), Grad-CAM++. *)
Definition weight_cam (P : nat) (g A : layer) (k : nat) : R := sumR P (g k) / INR P.
Definition weight_plus (P : nat) (g A : layer) (k : nat) : R := sumR P (fun p => relu (g k p)).
Definition weight_plus_plus (P : nat) (g A : layer) (k : nat) : R :=
  sumR P (fun p => alpha (g k p) (sumR P (A k)) * relu (g k p)).
(** The map at position p of K channels with weights w. *)
Definition cam_map (K : nat) (w : nat -> R) (A : layer) (p : nat) : R := relu (sumR K (fun k => w k * A k p)).
(** The largest of 0, f 0, .., f (n-1): the maximum of a map, which is never negative. *)
Fixpoint largest (n : nat) (f : nat -> R) : R := match n with O => 0 | S k => Rmax (largest k f) (f k) end.
(** Global average pooling and a linear head: the score, and its class activation map before any rectifier. *)
Definition pooled_score (K P : nat) (b : R) (c : nat -> R) (A : layer) : R :=
  b + sumR K (fun k => c k * (sumR P (A k) / INR P)).
(** A with the value at channel k, position p replaced by s. *)
Definition upd_layer (A : layer) (k p : nat) (s : R) : layer := fun k' => if Nat.eqb k' k then upd (A k') p s else A k'.

(** * Layer integrals (theory.md, section 5) *)

(** The trajectory t -> h(g(t)) of a layer of channels h k with gradients Dh k along a path in n inputs, and its
    derivative by the chain rule. *)
Definition trajectory (h : nat -> point -> R) (g : R -> point) (t : R) : point := fun k => h k (g t).
Definition trajectory_derivative (n : nat) (Dh : nat -> nat -> point -> R) (g dg : R -> point) (t : R) : point :=
  fun k => sumR n (fun i => Dh k i (g t) * dg t i).
(** RSI_k: the integral of the k-th derivative Ds k of the head along the trajectory, against channel k. *)
Definition RSI (n : nat) (Ds : nat -> point -> R) (h : nat -> point -> R) (Dh : nat -> nat -> point -> R)
    (g dg : R -> point) (k : nat) : R :=
  attribution Ds (trajectory h g) (trajectory_derivative n Dh g dg) k.
(** layer-ig: the straight path in layer space, from h(x') to h(x). *)
Definition layer_IG (Ds : nat -> point -> R) (h : nat -> point -> R) (x x' : point) (k : nat) : R :=
  IG Ds (fun k => h k x) (fun k => h k x') k.
(** The input as a layer: channel k is coordinate k. *)
Definition input_layer (k : nat) (z : point) : R := z k.
Definition input_layer_grad (k i : nat) (z : point) : R := if Nat.eqb k i then 1 else 0.
(** Two channels of one input z_0: z_0 and its square. *)
Definition square_layer (k : nat) (z : point) : R := match k with O => z 0%nat | _ => z 0%nat ^ 2 end.
Definition square_layer_grad (k i : nat) (z : point) : R :=
  match i with O => match k with O => 1 | _ => 2 * z 0%nat end | _ => 0 end.
(** A layer of m channels and, beside it, the n coordinates that bypass it. *)
Definition beside (m : nat) (h : nat -> point -> R) (k : nat) (z : point) : R :=
  if Nat.ltb k m then h k z else z (k - m)%nat.
Definition beside_grad (m : nat) (Dh : nat -> nat -> point -> R) (k i : nat) (z : point) : R :=
  if Nat.ltb k m then Dh k i z else if Nat.eqb (k - m) i then 1 else 0.
(** Every gradient of the head rectified before the integration. *)
Definition rectified (Ds : nat -> point -> R) (k : nat) (z : point) : R := relu (Ds k z).

(** * Softmax scores and baselines (theory.md, sections 7 and 8) *)

(** The sum over the classes j < n other than c. *)
Definition sum_others (n c : nat) (f : nat -> R) : R := sumR n (fun j => if Nat.eqb j c then 0 else f j).
(** The probability y_c of class c under logits Z, and its gradient through the logits' gradients DZ. *)
Definition probability (n : nat) (Z : nat -> point -> R) (c : nat) (z : point) : R := softmax n (fun j => Z j z) c.
Definition probability_grad (n : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R)
    (c i : nat) (z : point) : R :=
  probability n Z c z * sum_others n c (fun j => probability n Z j z * (DZ c i z - DZ j i z)).
(** Logits and gradients multiplied by beta: softmax (beta z). *)
Definition sharpen (beta : R) (Z : nat -> point -> R) : nat -> point -> R := fun j z => beta * Z j z.
Definition sharpen_grad (beta : R) (DZ : nat -> nat -> point -> R) : nat -> nat -> point -> R :=
  fun j i z => beta * DZ j i z.

(** The best of b0 and the first k candidates of a search, whatever proposed them (2204.06120). *)
Fixpoint best (objective : point -> R) (b0 : point) (candidate : nat -> point) (k : nat) : point :=
  match k with
  | O => b0
  | S k =>
      let b := best objective b0 candidate k in
      if Rlt_dec (objective (candidate k)) (objective b) then candidate k else b
  end.
(** The search's objective: distance from uniform and mean squared distance from the start, weighed by lambda. *)
Definition search_objective (n : nat) (lambda : R) (distance : point -> R) (b0 b : point) : R :=
  (1 - lambda) * distance b + lambda * (sumR n (fun i => (b i - b0 i) ^ 2) / INR n).

(** * Exact values (theory.md, section 9) *)

Definition rational (r : R) : Prop := exists (p : Z) (q : positive), r = IZR p / IZR (Zpos q).
(** The program is a polynomial with rational coefficients. *)
Fixpoint rational_polynomial (e : net) : Prop :=
  match e with
  | Var _ => True
  | Cst c => rational c
  | Plus a b | Times a b => rational_polynomial a /\ rational_polynomial b
  | Scal c a => rational c /\ rational_polynomial a
  | Act _ _ _ | Max _ _ _ => False
  end.
