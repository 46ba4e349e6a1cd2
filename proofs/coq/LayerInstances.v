(** Can the premises of the theorems on layers, class activation maps, softmax scores and baselines be met? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Networks Axioms Uniqueness Cam SoftmaxGradient
  Baselines Layers Saturation Instances.
Open Scope R_scope.

(** The layer (z_0, z_0^2) of one input, the head a_0 a_1, so that the score is z_0^3. *)
Lemma square_layer_on k : on_Rn 1 (square_layer k).
Proof. intros y z H. unfold square_layer. destruct k; rewrite (H 0%nat) by lia; reflexivity. Qed.

Lemma square_layer_C1 k p : C1_at 1 (square_layer k) (square_layer_grad k) p.
Proof.
  split.
  - exists 1. split; [lra|]. intros z _ i Hi. assert (i = 0%nat) as -> by lia.
    unfold is_partial, square_layer, square_layer_grad, upd. destruct k; simpl; auto_derive; auto; ring.
  - intros i Hi. assert (i = 0%nat) as -> by lia. unfold square_layer_grad. destruct k.
    + apply cont_at_const.
    + apply cont_at_times; [apply cont_at_const | apply cont_at_coord; lia].
Qed.

Definition along := segment vzero vone.
Definition dalong (t : R) : point := fun i => vone i - vzero i.

Example layer_completeness_instance :
  sumR 2 (RSI 1 Dproduct square_layer square_layer_grad along dalong)
  = product (fun k => square_layer k (along 1)) - product (fun k => square_layer k (along 0)).
Proof.
  apply (layer_completeness 1 2 (fun z => product (fun k => square_layer k z)) product).
  - intros; apply square_layer_on.
  - apply product_on_R2.
  - apply segment_C1.
  - intros; apply square_layer_C1.
  - intros; apply product_C1.
  - reflexivity.
Qed.

Example layer_completeness_program_instance :
  sumR 1 (RSI 1 (grad (Scal 2 (Var 0))) (fun _ => eval (Var 0)) (fun _ => grad (Var 0)) along dalong)
  = 2 * along 1 0%nat - 2 * along 0 0%nat.
Proof.
  apply (layer_completeness_program 1 1 (fun z => 2 * z 0%nat) (Scal 2 (Var 0)) (fun _ => Var 0) along dalong
    (fun _ => False)).
  - intros; simpl; lia.
  - simpl. lia.
  - split; [apply countable_none|]. intros i Hi. split; intros; [|apply segment_derive].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply segment_derive.
  - intros k Hk. assert (k = 0%nat) as -> by lia. apply (ex_RInt_ext (fun _ => 2)).
    + intros t _. unfold trajectory_derivative, dalong, vone, vzero. simpl.
      match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
    + apply (@ex_RInt_const R_NormedModule).
  - reflexivity.
Qed.

Lemma input_layer_on n k : (k < n)%nat -> on_Rn n (input_layer k).
Proof. intros Hk y z H. apply H. auto. Qed.

Lemma input_layer_C1 n k p : (k < n)%nat -> C1_at n (input_layer k) (input_layer_grad k) p.
Proof.
  intros Hk. split.
  - exists 1. split; [lra|]. intros z _ i Hi. unfold is_partial, input_layer, input_layer_grad, upd.
    destruct (Nat.eqb k i); [apply (@is_derive_id R_AbsRing) | apply (@is_derive_const R_AbsRing R_NormedModule)].
  - intros i Hi. apply cont_at_const.
Qed.

(** The score a_0 + a_1 of a layer a_0 = z_0 and a bypass a_1 = z_0. *)
Definition both : net := Plus (Var 0) (Var 1).

Lemma both_C1 p : C1_at 2 (eval both) (grad both) p.
Proof.
  split.
  - exists 1. split; [lra|]. intros z _ i Hi. apply grad_is_partial. simpl. auto.
  - intros i Hi. apply (cont_at_const 2 (grad both i vzero)).
Qed.

Lemma both_on : on_Rn 2 (eval both).
Proof. apply program_on_Rn. simpl. lia. Qed.

Example skip_deficit_instance :
  sumR 1 (RSI 1 (grad both) (beside 1 input_layer) (beside_grad 1 input_layer_grad) along dalong)
  = eval both (fun k => beside 1 input_layer k (along 1)) - eval both (fun k => beside 1 input_layer k (along 0))
    - sumR 1 (fun i => RInt (fun t =>
        grad both (1 + i)%nat (trajectory (beside 1 input_layer) along t) * dalong t i) 0 1).
Proof.
  apply (skip_deficit 1 1 (fun z => eval both (fun k => beside 1 input_layer k z)) (eval both)).
  - intros; apply input_layer_on; auto.
  - apply both_on.
  - apply segment_C1.
  - intros; apply input_layer_C1; auto.
  - intros; apply both_C1.
  - reflexivity.
Qed.

Example input_layer_path_instance :
  RSI 2 Dproduct input_layer input_layer_grad parabola dparabola 1 = attribution Dproduct parabola dparabola 1.
Proof. apply input_layer_path. lia. Qed.

Example input_layer_segment_instance :
  RSI 2 Dproduct input_layer input_layer_grad (segment vzero vone) (fun _ i => vone i - vzero i) 1
  = IG Dproduct vone vzero 1.
Proof. apply input_layer_segment; [lia|]. apply product_segment_integrable. lia. Qed.

Example layer_reparametrization_instance :
  RSI 1 Dproduct square_layer square_layer_grad (fun t => along (t ^ 2)) (fun t i => 2 * t * dalong (t ^ 2) i) 0
  = RSI 1 Dproduct square_layer square_layer_grad along dalong 0.
Proof.
  apply (layer_reparametrization 1 Dproduct square_layer square_layer_grad along dalong
    (fun t => t ^ 2) (fun t => 2 * t));
    cbv beta; [|unfold pow; rewrite Rmult_0_l; reflexivity | unfold pow; rewrite !Rmult_1_l; reflexivity |].
  - intros t _. split; [auto_derive; auto; ring|].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
  - intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule).
    unfold trajectory, trajectory_derivative, along, dalong, segment, Dproduct, square_layer, square_layer_grad. simpl.
    auto_derive; auto.
Qed.

Example affine_layer_agrees_instance :
  RSI 2 Dproduct input_layer input_layer_grad (segment vzero vone) (fun _ i => vone i - vzero i) 0
  = layer_IG Dproduct input_layer vone vzero 0.
Proof.
  apply (affine_layer_agrees 2 2).
  - lia.
  - apply (C1_on_Rn 2 product); [apply product_on_R2 | intros; apply product_C1 | lia].
  - reflexivity.
  - intros t _. apply path_chain_rule.
    + apply input_layer_on. lia.
    + apply input_layer_C1. lia.
    + intros; apply segment_derive.
  - apply product_segment_integrable. lia.
Qed.

Example layer_IG_completeness_instance :
  sumR 2 (layer_IG Dproduct square_layer vone vzero)
  = product (fun k => square_layer k vone) - product (fun k => square_layer k vzero).
Proof.
  apply (layer_IG_completeness 2 (fun z => product (fun k => square_layer k z)) product).
  - apply product_on_R2.
  - intros; apply product_C1.
  - reflexivity.
Qed.

Example rectified_larger_instance :
  RSI 1 (grad (Scal (-1) (Var 0))) input_layer input_layer_grad along dalong 0
  <= RSI 1 (rectified (grad (Scal (-1) (Var 0)))) input_layer input_layer_grad along dalong 0.
Proof.
  apply rectified_larger.
  - intros t _. unfold trajectory_derivative, input_layer_grad, dalong, vone, vzero. simpl. lra.
  - apply (@ex_RInt_const R_NormedModule 0 1 (-1 * 1 * (0 + 1 * (1 - 0)))).
  - apply (@ex_RInt_const R_NormedModule 0 1 (relu (-1 * 1) * (0 + 1 * (1 - 0)))).
Qed.

(** Logits (0, z_0): at 0 the softmax is uniform, at 1 class 1 leads by 1. *)
Definition logit (j : nat) (z : point) : R := INR j * z 0%nat.
Definition dlogit (j i : nat) (z : point) : R := match i with O => INR j | _ => 0 end.

Lemma logit_on j : on_Rn 1 (logit j).
Proof. intros y z H. unfold logit. rewrite (H 0%nat) by lia. reflexivity. Qed.

Lemma logit_partial j i z : is_partial (logit j) i z (dlogit j i z).
Proof.
  unfold is_partial, logit, dlogit, upd. destruct i as [|i]; simpl.
  - auto_derive; auto; ring.
  - apply (@is_derive_const R_AbsRing R_NormedModule).
Qed.

Lemma logit_C1 j p : C1_at 1 (logit j) (dlogit j) p.
Proof.
  split.
  - exists 1. split; [lra|]. intros; apply logit_partial.
  - intros i Hi. unfold dlogit. destruct i; apply cont_at_const.
Qed.

Lemma leads j z : (j < 2)%nat -> j <> 1%nat -> z 0%nat = 1 -> 1 <= logit 1 z - logit j z.
Proof. intros Hj Hn Hz. assert (j = 0%nat) as -> by lia. unfold logit. rewrite Hz. simpl. lra. Qed.

Lemma gap j i z : (j < 2)%nat -> j <> 1%nat -> Rabs (dlogit 1 i z - dlogit j i z) <= 1.
Proof.
  intros Hj Hn. assert (j = 0%nat) as -> by lia. unfold dlogit. destruct i; simpl.
  - rewrite Rminus_0_r, Rabs_R1. lra.
  - rewrite Rminus_0_r, Rabs_R0. lra.
Qed.

Example softmax_gradient_instance z :
  is_partial (fun y => ln (probability 2 logit 1 y)) 0 z
    (sum_others 2 1 (fun j => probability 2 logit j z * (dlogit 1 0 z - dlogit j 0 z))) /\
  is_partial (probability 2 logit 1) 0 z
    (probability 2 logit 1 z * sum_others 2 1 (fun j => probability 2 logit j z * (dlogit 1 0 z - dlogit j 0 z))).
Proof. apply softmax_gradient; [lia|]. intros; apply logit_partial. Qed.

Example saturation_instance z :
  Rabs (probability_grad 2 logit dlogit 1 0 z) <= probability 2 logit 1 z * (1 - probability 2 logit 1 z) * 1.
Proof. apply saturation; [lia|]. intros; apply gap; auto. Qed.

Example confident_instance : 1 - probability 2 logit 1 vone <= (INR 2 - 1) * exp (- 1).
Proof. apply confident; [lia|]. intros; apply leads; auto. Qed.

Example outputs_decide_instance :
  attribution (probability_grad 2 logit dlogit 1) along dalong 0
  = attribution (probability_grad 2 logit dlogit 1) along dalong 0.
Proof. apply outputs_decide; auto. intros; split; apply logit_partial. Qed.

Example saturation_sharp_instance :
  Rabs (probability_grad 2 (sharpen 5 logit) (sharpen_grad 5 dlogit) 1 0 vone)
  <= (INR 2 - 1) * 1 * (5 * exp (- (5 * 1))).
Proof.
  apply saturation_sharp; try lia; try lra.
  - intros; apply leads; auto.
  - intros; apply gap; auto.
Qed.

Example saturation_limit_instance :
  is_lim (fun beta => probability_grad 2 (sharpen beta logit) (sharpen_grad beta dlogit) 1 0 vone) p_infty 0.
Proof.
  apply (saturation_limit 2 logit dlogit 1 0 vone 1 1); try lia; try lra.
  - intros; apply leads; auto.
  - intros; apply gap; auto.
Qed.

Example saturated_layer_complete_instance :
  sumR 1 (RSI 1 (probability_grad 2 (sharpen 5 logit) (sharpen_grad 5 dlogit) 1) input_layer input_layer_grad
    along dalong)
  = probability 2 (sharpen 5 logit) 1 (trajectory input_layer along 1)
    - probability 2 (sharpen 5 logit) 1 (trajectory input_layer along 0).
Proof.
  apply (saturated_layer_complete 1 1 2).
  - lia.
  - intros; apply input_layer_on; auto.
  - intros; apply logit_on.
  - apply segment_C1.
  - intros; apply input_layer_C1; auto.
  - intros; apply logit_C1.
Qed.

(** From -1, where class 0 leads by 1, to 1. *)
Definition across : R -> point := segment (fun _ => -1) vone.
Definition dacross (t : R) : point := fun i => vone i - -1.

Example saturated_layer_gap_instance :
  1 - (INR 2 - 1) * exp (- (5 * 1)) - exp (- (5 * 1))
  <= sumR 1 (RSI 1 (probability_grad 2 (sharpen 5 logit) (sharpen_grad 5 dlogit) 1) input_layer input_layer_grad
    across dacross).
Proof.
  apply (saturated_layer_gap 1 1 2 logit dlogit input_layer input_layer_grad across dacross 1 5) with (j := 0%nat);
    try lia; try lra.
  - intros; apply input_layer_on; auto.
  - intros; apply logit_on.
  - apply (segment_C1 1 (fun _ => -1) vone).
  - intros; apply input_layer_C1; auto.
  - intros; apply logit_C1.
  - intros; apply leads; auto. unfold trajectory, input_layer, across, segment, vone. ring.
  - unfold logit, trajectory, input_layer, across, segment, vone. simpl. lra.
Qed.

(** One channel of two positions: activations 1, gradients 1/4. *)
Definition ones : layer := fun _ => vone.
Definition quarters : layer := fun _ _ => / 4.

Lemma ones_ge k p : (k < 1)%nat -> (p < 2)%nat -> 0 <= ones k p.
Proof. intros. unfold ones, vone. lra. Qed.

Lemma quarters_small k p : (k < 1)%nat -> (p < 2)%nat -> Rabs (quarters k p * sumR 2 (ones k)) <= / 2.
Proof. intros. unfold quarters, ones, vone. simpl. rewrite Rabs_pos_eq; lra. Qed.

Example plus_plus_bound_instance :
  cam_map 1 (weight_plus 2 quarters ones) ones 0 / (2 + / 2) <= cam_map 1 (weight_plus_plus 2 quarters ones) ones 0
  <= cam_map 1 (weight_plus 2 quarters ones) ones 0 / (2 - / 2).
Proof.
  apply plus_plus_bound; try lia; try lra; [exact ones_ge | exact quarters_small].
Qed.

Example plus_plus_normalised_instance :
  let L := cam_map 1 (weight_plus 2 quarters ones) ones in
  let M := cam_map 1 (weight_plus_plus 2 quarters ones) ones in
  Rabs (M 0%nat / largest 2 M - L 0%nat / largest 2 L) <= 2 * (/ 2) / (2 + / 2).
Proof.
  apply (plus_plus_normalised 1 2); try lia; try lra; [exact ones_ge | exact quarters_small |].
  apply Rlt_le_trans with (cam_map 1 (weight_plus 2 quarters ones) ones 0); [|apply largest_ge; lia].
  unfold cam_map, weight_plus, quarters, ones, vone, relu. simpl. unfold Rmax. repeat destruct (Rle_dec _ _); lra.
Qed.

Example normalised_bounds_compare_instance : 2 * 1 / (2 + 1) <= 2 * 1 / (2 - 1).
Proof. apply normalised_bounds_compare. lra. Qed.

Example plus_plus_alpha_instance : alpha 1 3 = 1 / (2 + 1 * 3).
Proof. apply plus_plus_alpha; lra. Qed.

Example plus_plus_exponential_instance :
  let Y := fun u => exp (2 * u + 1) in Derive_n Y 2 0 / (2 * Derive_n Y 2 0 + 3 * Derive_n Y 3 0) = alpha 2 3.
Proof. apply plus_plus_exponential. lra. Qed.

Example plus_plus_pole_instance : 100 < alpha 1 (-2 + / 200) * relu 1.
Proof. apply plus_plus_pole; lra. Qed.

Example plus_plus_no_pole_instance : 0 <= alpha 3 1 * relu 3 <= relu 3 / 2.
Proof. apply plus_plus_no_pole. lra. Qed.

Example grad_cam_linear_head_instance (c : nat -> R) p :
  cam_map 1 (weight_cam 2 (fun k _ => c k / INR 2) ones) ones p = / INR 2 * cam_map 1 c ones p.
Proof. apply (grad_cam_linear_head 1 2 0 c ones). lia. Qed.

Lemma uniform_at_0 : probability 2 logit 1 vzero = 1 / INR 2.
Proof. unfold probability, softmax, logit, vzero. simpl. rewrite !Rmult_0_r, exp_0. field. Qed.

Example uniform_baseline_instance :
  sumR 1 (IG (probability_grad 2 logit dlogit 1) vone vzero) = probability 2 logit 1 vone - 1 / INR 2.
Proof.
  apply (uniform_baseline 1); try lia.
  - intros; apply logit_on.
  - intros; apply logit_C1.
  - apply uniform_at_0.
Qed.

Example classes_vanish_instance : sumR 2 (fun c => IG (probability_grad 2 logit dlogit c) vone vzero 0) = 0.
Proof.
  apply classes_vanish. intros c Hc.
  apply (C1_segment_integrable 1 (probability 2 logit c)); [|lia].
  intros t _. apply probability_C1; auto.
  - intros; apply logit_on.
  - intros; apply logit_C1.
Qed.

Example uniform_complete_instance :
  let A := fun (c i : nat) => match c with O => - / 2 | _ => / 2 end in
  let y := fun (c : nat) (z : point) => match c with O => 1 - (1 + z 0%nat) / 2 | _ => (1 + z 0%nat) / 2 end in
  (forall c, (c < 2)%nat -> sumR 1 (A c) = y c vone - 1 / INR 2) /\ sumR 2 (fun c => sumR 1 (A c)) = 0.
Proof.
  intros A y. apply (uniform_complete 1 2 A y vone vzero).
  - lia.
  - intros z. unfold y. simpl. lra.
  - intros [|[|c]] Hc; try lia; unfold A, y, vone, vzero; simpl; lra.
  - intros [|[|c]] Hc; try lia; unfold y, vzero; simpl; lra.
Qed.

Example search_keeps_best_instance : product (best product vone (fun _ => vzero) 3) <= product vzero.
Proof. apply (search_keeps_best product vone (fun _ => vzero) 3) with (j := 0%nat). lia. Qed.

Example search_stays_inside_instance : 0 <= best product vone (fun _ => vzero) 3 0%nat.
Proof.
  apply (search_stays_inside (fun b => 0 <= b 0%nat)); unfold vone, vzero; intros; lra.
Qed.

Example search_nearer_uniform_instance :
  product (best (search_objective 2 (/ 2) product vone) vone (fun _ => vzero) 3) <= product vone.
Proof. apply search_nearer_uniform; [lia | lra]. Qed.
