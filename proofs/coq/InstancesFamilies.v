(** Can the premises of the theorems on sums, layers, maps, softmax, baselines and exact values be met? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Completeness Networks Stieltjes StieltjesError Existence Order Quadrature
  QuadratureOrder Exact
  Cam Softmax SoftmaxGradient Baselines Layers Saturation.
Open Scope R_scope.

(** Sums and integrals. *)
Example left_right_affine_only_applies z : 3 * z 0%nat = 3 * vzero 0%nat + sumR 1 (fun k => 3 * z k).
Proof.
  apply (left_right_affine_only 1 (fun z => 3 * z 0%nat) (fun _ _ => 3)). left. intros h.
  unfold layer_sum, left_sum. simpl. ring.
Qed.

Lemma identity_continuous t : continuous (fun t : R => t) t.
Proof. apply continuous_id. Qed.

Lemma identity_stieltjes : is_stieltjes (fun t => t) (fun t => t) 0 1 (RInt (fun t => t * 1) 0 1).
Proof.
  apply (stieltjes_C1 (fun t => t) (fun t => t) (fun _ => 1) 1 0 1); try lra.
  - intros t Ht. rewrite Rabs_pos_eq; lra.
  - intros t _. apply (@is_derive_id R_AbsRing).
  - intros t _. apply continuous_const.
  - apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
    apply (@continuous_mult _ R_AbsRing); [apply continuous_id | apply continuous_const].
Qed.

(** A nondecreasing function varies by the difference of its ends. *)
Lemma monotone_variation f a b : (forall s t, s <= t -> f s <= f t) -> variation_le f a b (f b - f a).
Proof.
  intros Hf n u Hu Ha Hb. rewrite (sumR_ext n _ (fun l => f (u (S l)) - f (u l))).
  - rewrite (sumR_telescope n (fun l => f (u l))). pose proof (Hf _ _ Ha). pose proof (Hf _ _ Hb). lra.
  - intros l Hl. apply Rabs_pos_eq. pose proof (Hf _ _ (Hu l Hl)). lra.
Qed.

Example bounded_variation_error_applies :
  Rabs (stieltjes_sum 1 (fun t => t) (fun t => t) (fun l => INR l) (fun _ => / 2) - RInt (fun t => t * 1) 0 1) <= 1.
Proof.
  apply Rle_trans with (sumR 1 (fun _ => 1 * (1 - 0))); [|simpl; lra].
  apply (bounded_variation_error (fun t => t) (fun t => t) _ 1 (fun l => INR l) (fun _ => / 2) (fun _ => 1) (fun _ => 1
      - 0)).
  - intros l Hl. replace l with O by lia. simpl. lra.
  - intros l Hl s t. replace l with O by lia. simpl. intros Hs Ht. apply Rabs_le. lra.
  - intros l Hl. replace l with O by lia. simpl. apply (monotone_variation (fun t => t)). auto.
  - simpl. apply identity_stieltjes.
Qed.

Section Powers.
Let f t := t ^ 2. Let f1 t := 2 * t. Let f2 (t : R) := 2. Let f3 (t : R) := 0.
Let g t := t ^ 3. Let g1 t := 3 * t ^ 2. Let g2 t := 6 * t. Let g3 (t : R) := 6.

Lemma f_derive t : is_derive f t (f1 t). Proof. unfold f, f1. auto_derive; auto; ring. Qed.
Lemma f1_derive t : is_derive f1 t (f2 t). Proof. unfold f1, f2. auto_derive; auto; ring. Qed.
Lemma f2_derive t : is_derive f2 t (f3 t). Proof. apply (@is_derive_const R_AbsRing R_NormedModule). Qed.
Lemma g_derive t : is_derive g t (g1 t). Proof. unfold g, g1. auto_derive; auto; ring. Qed.
Lemma g1_derive t : is_derive g1 t (g2 t). Proof. unfold g1, g2. auto_derive; auto; ring. Qed.
Lemma g2_derive t : is_derive g2 t (g3 t). Proof. unfold g2, g3. auto_derive; auto; ring. Qed.
Lemma g1_continuous t : continuous g1 t.
Proof. apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply g1_derive. Qed.

Lemma square_bound t : 0 <= t <= 1 -> t ^ 2 <= 1.
Proof. intros H. replace 1 with (1 ^ 2) by ring. apply pow_incr. auto. Qed.

Lemma powers_bounded t : 0 <= t <= 1 ->
  (Rabs (f1 t) <= 2 /\ Rabs (f2 t) <= 2 /\ Rabs (g1 t) <= 3 /\ Rabs (g2 t) <= 6) /\ Rabs (f3 t) <=
      1 /\ Rabs (g3 t) <= 6.
Proof.
  intros H. pose proof (square_bound t H). pose proof (pow2_ge_0 t).
  unfold f1, f2, f3, g1, g2, g3. rewrite !Rabs_pos_eq; lra.
Qed.

Example order_applies n : (0 < n)%nat ->
  Rabs (RInt (fun t => f t * g1 t) 0 1 - left_sum n (fun l => f (grid 0 1 n l)) (fun l => g (grid 0 1 n l)))
    <= 2 * 3 * (1 - 0) ^ 2 / (2 * INR n) /\
  Rabs (RInt (fun t => f t * g1 t) 0 1 - trapezoid_sum n (fun l => f (grid 0 1 n l)) (fun l => g (grid 0 1 n l)))
    <= (2 * 6 + 2 * 3) * (1 - 0) ^ 3 / (12 * INR n ^ 2) /\
  Rabs (RInt (fun t => f t * g1 t) 0 1 - (f 0 + f 1) / 2 * (g 1 - g 0)
        - (1 - 0) ^ 3 / 12 * (f1 0 * g2 0 - f2 0 * g1 0)) <= (2 * 6 + 1 * 3) / 24 * (1 - 0) ^ 4.
Proof.
  intros Hn. split; [|split].
  - apply (first_order f f1 g g1 f_derive g_derive g1_continuous 2 3 0 1 n Hn); try lra; intros t Ht;
      apply powers_bounded; auto.
  - apply (second_order f f1 g g1 f_derive g_derive g1_continuous f2 g2 f1_derive g1_derive 2 2 3 6 0 1 n Hn); try lra.
    intros t Ht. apply powers_bounded; auto.
  - apply (trapezoid_leading_error f f1 g g1 f_derive g_derive g1_continuous f2 g2 f1_derive g1_derive
      f3 g3 f2_derive g2_derive 0 1 2 1 3 6); try lra.
    intros t Ht. destruct (powers_bounded t Ht) as ((A & B & C & D) & E & G). auto.
Qed.
End Powers.

(** Quadrature. *)
Lemma identity_integrable : ex_RInt (fun t : R => t) 0 1.
Proof. apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _. apply continuous_id. Qed.

Example variation_bound_applies :
  Rabs (quadrature 4 (midpoint_node 4) (uniform_weight 4) (fun t => t) - RInt (fun t => t) 0 1) <= (1 - 0) * / INR 4.
Proof.
  apply variation_bound; try apply rules_interlace; try lia; try apply identity_integrable.
  - apply (monotone_variation (fun t => t)). auto.
  - intros l _. unfold uniform_weight. lra.
Qed.

Example IG_variation_bound_applies :
  Rabs (rule_IG 4 (midpoint_node 4) (uniform_weight 4) (fun i z => z i) vone vzero 0 - IG (fun i z => z i) vone vzero 0)
    <= Rabs (vone 0%nat - vzero 0%nat) * (segment vzero vone 1 0%nat - segment vzero vone 0 0%nat) * / INR 4.
Proof.
  rewrite Rmult_assoc. apply IG_variation_bound; try apply rules_interlace; try lia.
  - apply (monotone_variation (fun s => segment vzero vone s 0%nat)). intros s t H. unfold segment, vone, vzero. lra.
  - apply ex_RInt_ext with (fun t => t); [|apply identity_integrable]. intros t _. unfold segment, vone,
      vzero. match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
  - intros l _. unfold uniform_weight. lra.
Qed.

(** Maps. *)
Example plus_plus_applies :
  let g : layer := fun _ => vone in let A : layer := fun _ => vone in
  Rabs (cam_map 1 (weight_plus_plus 1 g A) A 0 / largest 1 (cam_map 1 (weight_plus_plus 1 g A) A)
        - cam_map 1 (weight_plus 1 g A) A 0 / largest 1 (cam_map 1 (weight_plus 1 g A) A)) <= 2 * 1 / (2 + 1).
Proof.
  cbv zeta. apply (plus_plus_normalised 1 1 (fun _ => vone) (fun _ => vone) 1); try lra; try lia.
  - intros k p _ _. unfold vone. lra.
  - intros k p _ _. unfold vone. simpl. rewrite Rplus_0_l, Rmult_1_r, Rabs_R1. lra.
  - unfold largest, cam_map, weight_plus, relu, vone. simpl. rewrite !Rplus_0_l, (Rmax_right 0 1), Rmult_1_r by lra.
    rewrite (Rmax_right 0 1), Rmax_right by lra. lra.
Qed.

(** Softmax and baselines: two classes whose logits are the two coordinates. *)
Definition coordinate (j : nat) (z : point) : R := z j.
Definition coordinate_grad (j i : nat) (z : point) : R := if Nat.eqb j i then 1 else 0.

Lemma coordinate_partial j i z : is_partial (coordinate j) i z (coordinate_grad j i z).
Proof. apply upd_derive. Qed.

Lemma coordinate_Rn n j : (j < n)%nat -> on_Rn n (coordinate j).
Proof. intros Hj y z H. apply H. auto. Qed.

Lemma coordinate_C1 n j p : C1_at n (coordinate j) (coordinate_grad j) p.
Proof.
  split; [exists 1; split; [lra|]; intros; apply coordinate_partial|].
  intros i _. apply (cont_const n (coordinate_grad j i p) p).
Qed.

Lemma coordinate_grad_difference c j i z : Rabs (coordinate_grad c i z - coordinate_grad j i z) <= 1.
Proof. unfold coordinate_grad. apply Rabs_le. destruct (Nat.eqb c i), (Nat.eqb j i); lra. Qed.

Definition first_one : point := fun k => match k with O => 1 | _ => 0 end.

Lemma first_leads j : (j < 2)%nat -> j <> 0%nat -> 1 <= coordinate 0 first_one - coordinate j first_one.
Proof. intros Hj Hj0. replace j with 1%nat by lia. unfold coordinate, first_one. lra. Qed.

Example softmax_gradient_applies z i :
  is_partial (probability 2 coordinate 0) i z (probability_grad 2 coordinate coordinate_grad 0 i z).
Proof. apply softmax_gradient; [lia | intros; apply coordinate_partial]. Qed.

Example saturation_applies z i : Rabs (probability_grad 2 coordinate coordinate_grad 0 i z)
  <= probability 2 coordinate 0 z * (1 - probability 2 coordinate 0 z) * 1.
Proof. apply saturation; [lia | intros; apply coordinate_grad_difference]. Qed.

Example saturation_limit_applies i :
  is_lim (fun beta => probability_grad 2 (sharpen beta coordinate) (sharpen_grad beta coordinate_grad) 0 i first_one)
      p_infty 0.
Proof.
  apply (saturation_limit 2 coordinate coordinate_grad 0 i first_one 1 1); try lia; try lra.
  - apply first_leads.
  - intros; apply coordinate_grad_difference.
Qed.

Example outputs_decide_applies g dg i :
  attribution (probability_grad 2 coordinate coordinate_grad 0) g dg i =
  attribution (probability_grad 2 (fun j z => coordinate j z + 5) coordinate_grad 0) g dg i.
Proof.
  apply outputs_decide; [lia | |].
  - intros z. symmetry. apply (shift 2 z 5 0). lia.
  - intros t _ j _. split; [apply coordinate_partial|]. unfold is_partial.
    replace (coordinate_grad j i (g t)) with (plus (coordinate_grad j i (g t)) 0) by (unfold plus; simpl; ring).
    apply (@is_derive_plus R_AbsRing R_NormedModule); [apply coordinate_partial|].
    apply (@is_derive_const R_AbsRing R_NormedModule 5).
Qed.

Example uniform_baseline_applies x :
  sumR 2 (IG (probability_grad 2 coordinate coordinate_grad 0) x vzero) = probability 2 coordinate 0 x - 1 / INR 2.
Proof.
  apply uniform_baseline; [intros; apply coordinate_Rn; auto | lia | intros; apply coordinate_C1|].
  unfold probability, softmax, coordinate, vzero. simpl. rewrite exp_0. field.
Qed.

Example classes_vanish_applies x x' i : (i < 2)%nat ->
  sumR 2 (fun c => IG (probability_grad 2 coordinate coordinate_grad c) x x' i) = 0.
Proof.
  intros Hi. apply classes_vanish. intros c Hc.
  apply (C1_segment_integrable 2 (probability 2 coordinate c)); auto.
  intros t _. apply probability_C1; auto; [intros; apply coordinate_Rn; auto | intros; apply coordinate_C1].
Qed.

Example uniform_complete_applies x :
  let A := fun c => IG (probability_grad 2 coordinate coordinate_grad c) x vzero in
  sumR 2 (fun c => sumR 2 (A c)) = 0.
Proof.
  cbv zeta. apply (uniform_complete 2 2 (fun c => IG (probability_grad 2 coordinate coordinate_grad c) x vzero)
    (probability 2 coordinate) x vzero); [lia | | |].
  - intros z. apply (softmax_sum 2 (fun j => coordinate j z)). lia.
  - intros c Hc. apply completeness.
    + apply probability_Rn; auto. intros; apply coordinate_Rn; auto.
    + intros t _. apply probability_C1; auto; [intros; apply coordinate_Rn; auto | intros; apply coordinate_C1].
  - intros c Hc. unfold probability, softmax, coordinate, vzero. simpl. rewrite exp_0. field.
Qed.

Example search_applies k :
  let inside := fun b : point => 0 <= b 0%nat <= 1 in
  inside (best (fun b => b 0%nat) vone (fun _ => vzero) k).
Proof.
  cbv zeta. apply (search_stays_inside (fun b => 0 <= b 0%nat <= 1)); [|intros j _]; unfold vone, vzero; lra.
Qed.

(** Exact values. *)
Example secant_applies x x' : sumR 2 (fun i => multiplier (Relu 0 (Plus (Var 0) (Var 1))) i x' x * (x i - x' i))
  = eval (Relu 0 (Plus (Var 0) (Var 1))) x - eval (Relu 0 (Plus (Var 0) (Var 1))) x'.
Proof. apply secant_cell. simpl. lia. Qed.

Example exact_piecewise_affine_applies :
  IG (fun _ _ => 3) vone vzero 0 = (vone 0%nat - vzero 0%nat) * sumR 1 (fun k => (INR (S k) - INR k) * 3).
Proof.
  apply (exact_piecewise_affine 1 (fun z => 3 * z 0%nat) (fun _ _ => 3) vone vzero 0 1 INR (fun _ _ => 3) (fun _ => 0));
    try lia; try reflexivity.
  - intros k _. apply lt_INR. lia.
  - intros k _ s _. split.
    + unfold is_partial. apply (is_derive_ext (fun s => 3 * s)); [intros; rewrite upd_same; reflexivity|].
      auto_derive; auto; ring.
    + exists 1. split; [lra|]. intros z _. simpl. ring.
Qed.

Example exact_network_applies x x' : exists K t, t O = 0 /\ t K = 1 /\ (forall k, (k < K)%nat -> t k < t (S k)) /\
  forall i, (i < 2)%nat -> IG (grad (Relu 0 (Plus (Var 0) (Var 1)))) x x' i = (x i - x' i) *
    sumR K (fun k => (t (S k) - t k) * grad (Relu 0 (Plus (Var 0) (Var 1))) i (segment x' x ((t k + t (S k)) / 2))).
Proof. apply exact_network. repeat constructor. Qed.

Example exact_polynomial_applies : rational (IG (grad (Times (Var 0) (Scal 3 (Var 1)))) vone vzero 0).
Proof.
  apply exact_polynomial.
  - intros k. apply (rational_IZR 1).
  - intros k. apply (rational_IZR 0).
  - simpl. split; [exact I|]. split; [apply (rational_IZR 3) | exact I].
Qed.

(** Layers. *)
Example layer_completeness_applies x x' :
  sumR 2 (RSI 2 (coordinate_grad 0) coordinate coordinate_grad (segment x' x) (fun _ i => x i - x' i))
  = coordinate 0 (segment x' x 1) - coordinate 0 (segment x' x 0).
Proof.
  apply (layer_completeness 2 2 (coordinate 0) (coordinate 0)); auto; try (intros; apply coordinate_C1).
  - intros; apply coordinate_Rn; auto.
  - apply coordinate_Rn; auto.
  - apply segment_C1.
Qed.

Lemma segment_path_off n x' x : path_off n (fun _ => False) (segment x' x) (fun _ i => x i - x' i).
Proof.
  split; [exists (fun _ => 0); intros t []|]. intros i _. split; intros t _; [|intros _; apply segment_derive].
  apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply segment_derive.
Qed.

Example layer_completeness_program_applies :
  let e := fun k => Relu 0 (Var k) in
  sumR 1 (RSI 1 (grad (Var 0)) (fun k => eval (e k)) (fun k => grad (e k)) (segment vzero vone) (fun _ i => vone i -
      vzero i))
  = eval (e 0%nat) (segment vzero vone 1) - eval (e 0%nat) (segment vzero vone 0).
Proof.
  apply (layer_completeness_program 1 1 (eval (Relu 0 (Var 0))) (Var 0) (fun k => Relu 0 (Var k)) _ _ (fun _ => False)).
  - intros k Hk. simpl. split; [apply activation_kink | auto].
  - simpl. lia.
  - apply segment_path_off.
  - intros k Hk. replace k with O by lia. apply ex_RInt_ext with (fun _ => 1).
    + intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
      unfold trajectory_derivative, trajectory, segment, vone, vzero, slope. simpl. unfold slope.
      destruct (Rlt_dec (0 + t * (1 - 0)) 0); [lra|]. destruct (Rlt_dec 0 (0 + t * (1 - 0))); [ring|lra].
    + apply (@ex_RInt_const R_NormedModule).
  - reflexivity.
Qed.

Example skip_deficit_applies x x' :
  sumR 1 (RSI 1 (fun k z => coordinate_grad 0 k z + coordinate_grad 1 k z) (beside 1 coordinate) (beside_grad 1
      coordinate_grad)
    (segment x' x) (fun _ i => x i - x' i))
  = (segment x' x 1 0%nat + segment x' x 1 0%nat) - (segment x' x 0 0%nat + segment x' x 0 0%nat)
    - sumR 1 (fun i => RInt (fun t => (coordinate_grad 0 (1 + i) (trajectory (beside 1 coordinate) (segment x' x) t)
        + coordinate_grad 1 (1 + i) (trajectory (beside 1 coordinate) (segment x' x) t)) * (x i - x' i)) 0 1).
Proof.
  apply (skip_deficit 1 1 (fun z => z 0%nat + z 0%nat) (fun a => a 0%nat + a 1%nat)
    (fun k z => coordinate_grad 0 k z + coordinate_grad 1 k z) coordinate coordinate_grad
    (segment x' x) (fun _ i => x i - x' i)); try (intros; apply coordinate_C1).
  - intros; apply coordinate_Rn; auto.
  - intros y z H. rewrite !H by lia. reflexivity.
  - apply segment_C1.
  - intros t _. split.
    + exists 1. split; [lra|]. intros z _ i _.
      apply (@is_derive_plus R_AbsRing R_NormedModule); apply coordinate_partial.
    + intros i _. apply (cont_const 2 (coordinate_grad 0 i vzero + coordinate_grad 1 i vzero)).
  - reflexivity.
Qed.

Example input_layer_applies x x' :
  RSI 2 (coordinate_grad 0) input_layer input_layer_grad (segment x' x) (fun _ i => x i - x' i) 0 =
      IG (coordinate_grad 0) x x' 0.
Proof. apply input_layer_segment; [lia | apply (@ex_RInt_const R_NormedModule 0 1 1)]. Qed.

Example layer_reparametrization_applies x x' :
  RSI 1 (coordinate_grad 0) coordinate coordinate_grad (fun t => segment x' x (t ^ 2)) (fun t i => 2 * t * (x i - x'
      i)) 0
  = RSI 1 (coordinate_grad 0) coordinate coordinate_grad (segment x' x) (fun _ i => x i - x' i) 0.
Proof.
  apply (layer_reparametrization 1 (coordinate_grad 0) coordinate coordinate_grad (segment x' x) (fun _ i => x i - x' i)
    (fun t => t ^ 2) (fun t => 2 * t)); cbv beta; try (simpl; ring).
  - intros t _. split; [auto_derive; auto; ring|].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun t => 2 * t)). auto_derive. auto.
  - intros t _. apply continuous_const.
Qed.

Example affine_layer_agrees_applies x x' :
  RSI 2 (coordinate_grad 0) coordinate coordinate_grad (segment x' x) (fun _ i => x i - x' i) 0
  = layer_IG (coordinate_grad 0) coordinate x x' 0.
Proof.
  apply (affine_layer_agrees 2 2); auto.
  - intros y z _. reflexivity.
  - intros t _. unfold trajectory_derivative.
    replace (sumR 2 (fun i => coordinate_grad 0 i (segment x' x t) * (x i - x' i))) with (x 0%nat - x' 0%nat)
      by (unfold coordinate_grad; simpl; ring). apply segment_derive.
  - apply (@ex_RInt_const R_NormedModule 0 1 1).
Qed.

Example layer_IG_completeness_applies x x' :
  sumR 2 (layer_IG (coordinate_grad 0) coordinate x x') = coordinate 0 x - coordinate 0 x'.
Proof.
  apply (layer_IG_completeness 2 (coordinate 0) (coordinate 0)); [apply coordinate_Rn; lia | intros;
      apply coordinate_C1 | reflexivity].
Qed.

Example rectified_larger_applies :
  RSI 1 (fun _ _ => -1) coordinate coordinate_grad (segment vzero vone) (fun _ i => vone i - vzero i) 0
  <= RSI 1 (rectified (fun _ _ => -1)) coordinate coordinate_grad (segment vzero vone) (fun _ i => vone i - vzero i) 0.
Proof.
  apply rectified_larger.
  - intros t _. unfold trajectory_derivative, coordinate_grad, vone, vzero. simpl. lra.
  - apply ex_RInt_ext with (fun _ => -1); [|apply (@ex_RInt_const R_NormedModule)]. intros t _.
    unfold trajectory_derivative, coordinate_grad, vone, vzero. simpl. ring.
  - apply ex_RInt_ext with (fun _ => 0); [|apply (@ex_RInt_const R_NormedModule)]. intros t _.
    unfold rectified, relu. rewrite Rmax_left by lra. symmetry. apply Rmult_0_l.
Qed.

Example saturated_layer_gap_applies beta : 0 <= beta ->
  let x' := fun k => first_one (1 - k)%nat in
  1 - (INR 2 - 1) * exp (- (beta * 1)) - exp (- (beta * 1)) <=
  sumR 2 (RSI 2 (probability_grad 2 (sharpen beta coordinate) (sharpen_grad beta coordinate_grad) 0) coordinate
      coordinate_grad
    (segment x' first_one) (fun _ i => first_one i - x' i)).
Proof.
  intros Hb x'. apply (saturated_layer_gap 2 2 2 coordinate coordinate_grad coordinate coordinate_grad
    (segment x' first_one) (fun _ i => first_one i - x' i) 0 beta) with (j := 1%nat); auto;
    try (intros; apply coordinate_C1); try (intros; apply coordinate_Rn; auto; fail).
  - apply segment_C1.
  - intros k Hk Hk0. replace k with 1%nat by lia. unfold trajectory, coordinate, segment, x', first_one. simpl. lra.
  - unfold trajectory, coordinate, segment, x', first_one. simpl. lra.
Qed.

(** Existence, and the orders of quadrature rules. *)
Example existence_applies :
  (exists I, is_stieltjes (fun t => t) jump 0 1 I) /\ (exists I, is_stieltjes jump (fun t => t) 0 1 I).
Proof.
  assert (V : variation_le jump 0 1 (jump 1 - jump 0)).
  { apply monotone_variation. intros s t H. unfold jump. destruct (Rle_dec (/ 2) s), (Rle_dec (/ 2) t); lra. }
  split; [apply (continuous_integrand _ _ 0 1 _ Rle_0_1) with (2 := V)
         | apply (continuous_integrator _ _ 0 1 _ Rle_0_1 V)]; intros; apply continuous_id.
Qed.

Example simpson_applies n : (0 < n)%nat -> Rabs (simpson n (fun t => t ^ 4) - RInt (fun t => t ^ 4) 0 1) <=
    24 / (2880 * INR n ^ 4).
Proof.
  intros Hn. apply (simpson_order (fun t => t ^ 4) (fun t => 4 * t ^ 3)) with (f2 := fun t => 12 * t ^ 2) (f3 := fun t
      => 24 * t)
    (f4 := fun _ => 24); auto; try (intros; auto_derive; auto; ring).
  intros. rewrite Rabs_pos_eq; lra.
Qed.

Lemma constant_integral (c : R) : RInt (fun _ : R => c) 0 1 = c.
Proof. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring. Qed.

Lemma affine_integral : RInt (fun s => 1 * (s - / 2)) 0 1 = 0.
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  replace 0 with (minus ((1 - / 2) ^ 2 / 2) ((0 - / 2) ^ 2 / 2)) at 2 by (unfold minus, plus, opp; simpl; field).
  apply (@is_RInt_derive R_CompleteNormedModule (fun s => (s - / 2) ^ 2 / 2)).
  - intros s _. auto_derive; auto; field.
  - intros s _. apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => 1 * (s - / 2))). auto_derive. auto.
Qed.

Ltac over_R := match goal with |- @eq _ ?u ?v => change (@eq R u v) end.

(** The midpoint rule is Gauss's with one node. *)
Example gauss_applies a b : quadrature 1 (fun _ => / 2) (fun _ => 1) (polynomial (cons a (cons b nil)))
  = RInt (polynomial (cons a (cons b nil))) 0 1.
Proof.
  apply gauss_exact; [| |simpl; lia].
  - intros [|c [|d r]] H; simpl in H; try lia; unfold quadrature; simpl.
    + rewrite constant_integral. ring.
    + rewrite (RInt_ext _ (fun _ => c)) by (intros; over_R; ring). rewrite constant_integral. field.
  - intros [|c [|d q]] H; simpl in H; try lia; simpl.
    + rewrite (RInt_ext _ (fun _ => 0)) by (intros; over_R; ring). apply constant_integral.
    + rewrite (RInt_ext _ (fun s => scal c (1 * (s - / 2)))) by (intros; over_R; unfold scal; simpl; unfold mult;
        simpl; ring).
      rewrite (@RInt_scal R_CompleteNormedModule).
      * rewrite affine_integral. apply Rmult_0_r.
      * apply (@ex_RInt_continuous R_CompleteNormedModule). intros s _.
        apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => 1 * (s - / 2))). auto_derive. auto.
Qed.
