(** Can the premises of the theorems on sums, quadrature and exact values be met? *)
From Coq Require Import Reals Lra Lia Arith ZArith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Networks Stieltjes StieltjesError Order Quadrature
  Exact Instances.
Open Scope R_scope.

Lemma monotone_variation (f : R -> R) a b : (forall s t, s <= t -> f s <= f t) -> variation_le f a b (f b - f a).
Proof.
  intros Hf n u Hu Ha Hb.
  assert (E : forall k, (k <= n)%nat -> sumR k (fun l => Rabs (f (u (S l)) - f (u l))) = f (u k) - f (u O)).
  { induction k; intros Hk; simpl; [ring|]. rewrite IHk by lia.
    rewrite Rabs_pos_eq; [ring|]. pose proof (Hf _ _ (Hu k ltac:(lia))). lra. }
  rewrite E by lia. pose proof (Hf _ _ Ha). pose proof (Hf _ _ Hb). lra.
Qed.

Lemma identity_variation a b : variation_le (fun t => t) a b (b - a).
Proof. apply (monotone_variation (fun t => t)). auto. Qed.

Lemma identity_integrable : ex_RInt (fun t : R => t) 0 1.
Proof.
  apply (@ex_RInt_continuous R_CompleteNormedModule). intros; apply continuous_id.
Qed.

Lemma midpoint_interlaces : interlacing 4 (midpoint_node 4) (uniform_weight 4).
Proof. apply rules_interlace. lia. Qed.

Example rules_interlace_instance : interlacing 6 (left_node 5) (trapezoid_weight 5).
Proof. apply (rules_interlace 5). lia. Qed.

Example variation_bound_instance :
  Rabs (quadrature 4 (midpoint_node 4) (uniform_weight 4) (fun t => t) - RInt (fun t => t) 0 1) <= (1 - 0) * / INR 4.
Proof.
  apply variation_bound; [apply midpoint_interlaces | apply identity_variation | apply identity_integrable |].
  intros; unfold uniform_weight; lra.
Qed.

Example uniform_variation_bound_instance :
  Rabs (quadrature 3 (right_node 3) (uniform_weight 3) (fun t => t) - RInt (fun t => t) 0 1) <= (1 - 0) / INR 3.
Proof.
  apply uniform_variation_bound; [lia | apply identity_variation | apply identity_integrable].
Qed.

Example IG_variation_bound_instance :
  Rabs (rule_IG 4 (midpoint_node 4) (uniform_weight 4) Dproduct vone vzero 0 - IG Dproduct vone vzero 0)
  <= Rabs (vone 0%nat - vzero 0%nat) * (((0 + 1 * (1 - 0)) - (0 + 0 * (1 - 0))) * / INR 4).
Proof.
  apply IG_variation_bound.
  - apply midpoint_interlaces.
  - apply (monotone_variation (fun s => 0 + s * (1 - 0))). intros; lra.
  - apply product_segment_integrable. lia.
  - intros; unfold uniform_weight; lra.
Qed.

Example quadratic_partial_instance z :
  is_partial (quadratic 2 1 vone (fun _ => vone)) 1 z (quadratic_grad 2 vone (fun _ => vone) 1 z).
Proof. apply quadratic_partial. lia. Qed.

Example left_right_affine_only_instance (z : point) : z 0%nat = vzero 0%nat + sumR 1 (fun _ => 1 * z 0%nat).
Proof.
  rewrite (left_right_affine_only 1 (fun z => z 0%nat) (fun _ _ => 1)) at 1.
  - simpl. ring.
  - left. intros h. unfold layer_sum, left_sum. simpl. ring.
Qed.

Lemma identity_stieltjes a b : a <= b -> is_stieltjes (fun t => t) (fun t => t) a b (RInt (fun t => t * 1) a b).
Proof.
  intros Hab. apply (stieltjes_C1 (fun t => t) (fun t => t) (fun _ => 1) (Rabs a + Rabs b)); auto.
  - intros t Ht. unfold Rabs. repeat destruct (Rcase_abs _); lra.
  - intros; apply (@is_derive_id R_AbsRing).
  - intros; apply continuous_const.
  - apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Example stieltjes_C1_instance : is_stieltjes (fun t => t) (fun t => t) 0 1 (RInt (fun t => t * 1) 0 1).
Proof.
  apply (stieltjes_C1 (fun t => t) (fun t => t) (fun _ => 1) 1); try lra.
  - intros t Ht. rewrite Rabs_pos_eq; lra.
  - intros; apply (@is_derive_id R_AbsRing).
  - intros; apply continuous_const.
  - apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Example bounded_variation_error_instance :
  let t := fun l => INR l / 2 in
  Rabs (stieltjes_sum 2 (fun s => s) (fun s => s) t t - RInt (fun s => s * 1) (t 0%nat) (t 2%nat))
  <= sumR 2 (fun l => (t (S l) - t l) * (t (S l) - t l)).
Proof.
  intros t.
  assert (Ht : forall l, t l <= t (S l)) by (intros l; unfold t; rewrite S_INR; lra).
  apply (bounded_variation_error (fun s => s) (fun s => s)).
  - intros l _. pose proof (Ht l). lra.
  - intros l _ s r Hs Hr. apply Rabs_le. lra.
  - intros l _. apply identity_variation.
  - apply identity_stieltjes. apply Rle_trans with (t 1%nat); apply Ht.
Qed.

Lemma square_derive t : is_derive (fun s => s ^ 2) t (2 * t).
Proof. auto_derive; auto; ring. Qed.
Lemma double_derive t : is_derive (fun s => 2 * s) t 2.
Proof. auto_derive; auto; ring. Qed.
Lemma constant_derive (c t : R) : is_derive (fun _ => c) t 0.
Proof. apply (@is_derive_const R_AbsRing R_NormedModule). Qed.
Lemma double_continuous t : continuous (fun s => 2 * s) t.
Proof. apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply double_derive. Qed.

Example trapezoid_leading_error_instance :
  Rabs (RInt (fun t => t ^ 2 * (2 * t)) 0 1 - (0 ^ 2 + 1 ^ 2) / 2 * (1 ^ 2 - 0 ^ 2)
    - (1 - 0) ^ 3 / 12 * ((2 * 0) * 2 - 2 * (2 * 0))) <= (2 * 0 + 0 * 2) / 24 * (1 - 0) ^ 4.
Proof.
  apply (trapezoid_leading_error (fun t => t ^ 2) (fun t => 2 * t) (fun t => t ^ 2) (fun t => 2 * t)
    square_derive square_derive double_continuous (fun _ => 2) (fun _ => 2) double_derive double_derive
    (fun _ => 0) (fun _ => 0) (constant_derive 2) (constant_derive 2) 0 1 2 0 2 0); [lra|].
  intros t Ht. rewrite Rabs_R0, Rabs_pos_eq by lra. lra.
Qed.

Example second_order_instance :
  let samples := fun (h : R -> R) l => h (grid 0 1 7 l) in
  Rabs (RInt (fun t => t ^ 2 * (2 * t)) 0 1 - trapezoid_sum 7 (samples (fun t => t ^ 2)) (samples (fun t => t ^ 2)))
    <= (2 * 2 + 2 * 2) * (1 - 0) ^ 3 / (12 * INR 7 ^ 2).
Proof.
  apply (second_order (fun t => t ^ 2) (fun t => 2 * t) (fun t => t ^ 2) (fun t => 2 * t)
    square_derive square_derive double_continuous (fun _ => 2) (fun _ => 2) double_derive double_derive
    2 2 2 2 0 1 7); [lia | lra |].
  intros t Ht. rewrite !Rabs_pos_eq by lra. lra.
Qed.

Example first_order_instance :
  let samples := fun (h : R -> R) l => h (grid 0 1 7 l) in
  Rabs (RInt (fun t => t ^ 2 * (2 * t)) 0 1 - left_sum 7 (samples (fun t => t ^ 2)) (samples (fun t => t ^ 2)))
    <= 2 * 2 * (1 - 0) ^ 2 / (2 * INR 7).
Proof.
  apply (first_order (fun t => t ^ 2) (fun t => 2 * t) (fun t => t ^ 2) (fun t => 2 * t)
    square_derive square_derive double_continuous 2 2 0 1 7); [lia | lra | |];
  intros t Ht; rewrite Rabs_pos_eq; lra.
Qed.

Example secant_cell_instance y z :
  sumR 2 (fun i => multiplier mixed i y z * (z i - y i)) = eval mixed z - eval mixed y.
Proof. apply secant_cell. simpl. repeat split; lia. Qed.

Example secant_completeness_instance h :
  sumR 2 (fun i => sumR 5 (fun l => multiplier mixed i (h l) (h (S l)) * (h (S l) i - h l i)))
  = eval mixed (h 5%nat) - eval mixed (h 0%nat).
Proof. apply secant_completeness. simpl. repeat split; lia. Qed.

(** relu(z_0) from -1 to 1: breakpoints 0, 1/2, 1. *)
Definition below : point := fun _ => -1.
Definition halves (k : nat) : R := INR k / 2.

Lemma relu_left s : s < / 2 -> grad (Relu 0 (Var 0)) 0 (segment below vone s) = 0.
Proof.
  intros Hs. unfold segment, below, vone. simpl. unfold slope. destruct (Rlt_dec _ 0); lra.
Qed.
Lemma relu_right s : / 2 < s -> grad (Relu 0 (Var 0)) 0 (segment below vone s) = 1.
Proof.
  intros Hs. unfold segment, below, vone. simpl. unfold slope. destruct (Rlt_dec _ 0); [lra|].
  destruct (Rlt_dec 0 _); lra.
Qed.

Example exact_piecewise_linear_instance :
  IG (grad (Relu 0 (Var 0))) vone below 0 = (vone 0%nat - below 0%nat) * sumR 2 (fun k =>
    (halves (S k) - halves k) * grad (Relu 0 (Var 0)) 0 (segment below vone ((halves k + halves (S k)) / 2))).
Proof.
  apply (exact_piecewise_linear (grad (Relu 0 (Var 0))) vone below 0 2 halves).
  - unfold halves. simpl. lra.
  - unfold halves. simpl. lra.
  - intros k _. unfold halves. rewrite S_INR. lra.
  - intros k Hk s Hs. destruct k as [|[|k]]; try lia; unfold halves in *; simpl in Hs.
    + rewrite !relu_left; simpl; lra.
    + rewrite !relu_right; simpl; lra.
Qed.

Example exact_piecewise_affine_instance :
  IG (grad (Relu 0 (Var 0))) vone below 0 = (vone 0%nat - below 0%nat) * sumR 2 (fun k =>
    (halves (S k) - halves k) * match k with O => 0 | _ => 1 end).
Proof.
  apply (exact_piecewise_affine 1 (eval (Relu 0 (Var 0))) _ vone below 0 2 halves
    (fun k _ => match k with O => 0 | _ => 1 end) (fun _ => 0)).
  - lia.
  - unfold halves. simpl. lra.
  - unfold halves. simpl. lra.
  - intros k _. unfold halves. rewrite S_INR. lra.
  - intros k Hk s Hs.
    assert (Hne : segment below vone s 0%nat <> 0).
    { unfold segment, below, vone. destruct k as [|[|k]]; try lia; unfold halves in Hs; simpl in Hs; lra. }
    split.
    { apply grad_is_partial. simpl. split; auto. apply kink_derive. auto. }
    exists (Rabs (segment below vone s 0%nat)). split; [apply Rabs_pos_lt; auto|].
    intros z Hz. specialize (Hz 0%nat ltac:(lia)). simpl. unfold kink.
    unfold segment, below, vone in *. apply Rabs_lt_between in Hz.
    destruct k as [|[|k]]; try lia; unfold halves in Hs; simpl in Hs;
    [rewrite Rabs_left in Hz by lra | rewrite Rabs_pos_eq in Hz by lra]; destruct (Rlt_dec (z 0%nat) 0); lra.
Qed.

Lemma rational_0 : rational 0.
Proof. exists 0%Z, 1%positive. simpl. lra. Qed.
Lemma rational_1 : rational 1.
Proof. exists 1%Z, 1%positive. simpl. lra. Qed.

Example exact_polynomial_instance : rational (IG (grad (Scal 1 (Times (Var 0) (Var 1)))) vone vzero 0).
Proof.
  apply exact_polynomial.
  - intros; apply rational_1.
  - intros; apply rational_0.
  - simpl. split; auto. apply rational_1.
Qed.

Example exact_network_instance w x x' : exists (K : nat) (t : nat -> R),
  t 0%nat = 0 /\ t K = 1 /\ (forall k, (k < K)%nat -> t k < t (S k)) /\
  forall i, (i < 2)%nat -> IG (grad (Max w (Abs 0 (Var 0)) (Var 1))) x x' i
    = (x i - x' i) * sumR K (fun k =>
        (t (S k) - t k) * grad (Max w (Abs 0 (Var 0)) (Var 1)) i (segment x' x ((t k + t (S k)) / 2))).
Proof. apply exact_network. repeat constructor. Qed.
