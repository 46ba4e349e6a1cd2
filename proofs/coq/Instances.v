(** Can the premises of the theorems on completeness, axioms, uniqueness and softmax be met?

    One instance for each theorem with premises: its conclusion, for functions, paths and points written out. *)
From Coq Require Import Reals Lra Lia Arith List FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Networks PiecewiseLinear Axioms AxiomExamples
  Neurons Uniqueness Softmax.
Import ListNotations.
Open Scope R_scope.

(** z_0 z_1 along (t, t^2) meets what smoothness asks for. *)
Lemma product_on_R2 : on_Rn 2 product.
Proof. intros y z H. unfold product. rewrite !H by lia. reflexivity. Qed.

Lemma product_chain t : 0 <= t <= 1 -> is_derive (fun s => product (parabola s)) t
  (sumR 2 (fun i => Dproduct i (parabola t) * dparabola t i)).
Proof.
  intros Ht. apply path_chain_rule; [apply product_on_R2 | apply product_C1 |]. intros; apply parabola_derive.
Qed.

Lemma product_continuous t : continuous (fun s => product (parabola s)) t.
Proof.
  apply (@ex_derive_continuous R_AbsRing R_NormedModule). unfold product, parabola. auto_derive; auto.
Qed.

Lemma product_integrand_continuous i t : (i < 2)%nat -> continuous (fun s => Dproduct i (parabola s) * dparabola s i) t.
Proof.
  intros Hi. apply (@ex_derive_continuous R_AbsRing R_NormedModule).
  destruct i as [|[|i]]; try lia; unfold Dproduct, parabola, dparabola; auto_derive; auto.
Qed.

Lemma product_integrable i : (i < 2)%nat -> ex_RInt (fun t => Dproduct i (parabola t) * dparabola t i) 0 1.
Proof.
  intros Hi. apply (@ex_RInt_continuous R_CompleteNormedModule). intros; apply product_integrand_continuous; auto.
Qed.

Lemma product_segment_integrable x x' i : (i < 2)%nat -> ex_RInt (fun t => Dproduct i (segment x' x t)) 0 1.
Proof. intros Hi. apply (C1_segment_integrable 2 product); auto. intros; apply product_C1. Qed.

Example completeness_path_instance :
  sumR 2 (attribution Dproduct parabola dparabola) = product (parabola 1) - product (parabola 0).
Proof.
  apply (completeness_path 2 product Dproduct parabola dparabola (fun t => t = / 2)).
  - apply countable_one.
  - intros; apply product_continuous.
  - intros; apply product_chain; lra.
  - apply product_integrable.
Qed.

Example completeness_smooth_instance :
  sumR 2 (attribution Dproduct parabola dparabola) = product (parabola 1) - product (parabola 0).
Proof.
  apply completeness_smooth; [apply product_on_R2 | intros; apply product_C1 | apply parabola_C1].
Qed.

Example completeness_instance x x' : sumR 2 (IG Dproduct x x') = product x - product x'.
Proof. apply completeness; [apply product_on_R2 | intros; apply product_C1]. Qed.

Example completeness_piecewise_instance :
  sumR 2 (attribution Dproduct parabola dparabola) = product (parabola 1) - product (parabola 0).
Proof.
  apply (completeness_piecewise 2 product Dproduct parabola dparabola [/ 2]).
  - intros; apply product_continuous.
  - intros; apply product_chain; lra.
  - intros i Hi. split; [|split].
    + intros; apply product_integrand_continuous; auto.
    + intros t _. exists (Dproduct i (parabola t) * dparabola t i).
      eapply filterlim_filter_le_1; [|apply product_integrand_continuous; auto].
      intros P HP. unfold at_right, within. apply (filter_imp P); auto.
    + intros t _. exists (Dproduct i (parabola t) * dparabola t i).
      eapply filterlim_filter_le_1; [|apply product_integrand_continuous; auto].
      intros P HP. unfold at_left, within. apply (filter_imp P); auto.
Qed.

(** relu(z_0 - z_1) + exp(z_0), with the value 7 at the kink, on the diagonal: the kink is hit all the time. *)
Definition mixed : net := Plus (Relu 7 (Plus (Var 0) (Scal (-1) (Var 1)))) (Act exp exp (Var 0)).

Lemma activation_exp : activation exp exp.
Proof.
  split.
  - exists (fun _ => False). split; [apply countable_none|]. intros u _. apply is_derive_exp.
  - intros u. exists (exp (u + 1)), 1. split; [lra|]. intros v Hv.
    destruct (MVT_gen exp u v exp) as (c & Hc & He).
    + intros; apply is_derive_exp.
    + intros; apply derivable_continuous_pt, derivable_pt_exp.
    + rewrite He, Rabs_mult, Rabs_pos_eq by (left; apply exp_pos).
      apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Rabs_lt_between in Hv.
      destruct (Rle_lt_or_eq_dec c (u + 1)) as [H|H]; [|left; apply exp_increasing; auto | right; f_equal; auto].
      unfold Rmax in Hc. destruct (Rle_dec u v); lra.
Qed.

Lemma mixed_program : program 2 mixed.
Proof.
  unfold mixed, Relu, Kink. simpl. split; [split|split].
  - apply activation_kink.
  - repeat split; lia.
  - apply activation_exp.
  - lia.
Qed.

Lemma mixed_grad t i : grad mixed i (segment vzero vone t)
  = 7 * grad (Plus (Var 0) (Scal (-1) (Var 1))) i vzero + exp t * grad (Var 0) i vzero.
Proof.
  unfold mixed, Relu, Kink. cbn [grad eval].
  replace (segment vzero vone t 0%nat + -1 * segment vzero vone t 1%nat) with 0 by (unfold segment, vzero, vone; ring).
  replace (segment vzero vone t 0%nat) with t by (unfold segment, vzero, vone; ring).
  unfold slope. destruct (Rlt_dec 0 0); [lra | reflexivity].
Qed.

Example completeness_autodiff_instance :
  sumR 2 (attribution (grad mixed) (segment vzero vone) (fun _ i => vone i - vzero i))
  = eval mixed (segment vzero vone 1) - eval mixed (segment vzero vone 0).
Proof.
  apply (completeness_autodiff 2 mixed _ _ (fun _ => False)).
  - apply mixed_program.
  - split; [apply countable_none|]. intros i Hi. split; intros; [|apply segment_derive].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply segment_derive.
  - intros i Hi. apply (ex_RInt_ext (fun t => (7 * grad (Plus (Var 0) (Scal (-1) (Var 1))) i vzero
      + exp t * grad (Var 0) i vzero) * (vone i - vzero i))).
    + intros t _. rewrite mixed_grad. reflexivity.
    + apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
      apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Example completeness_piecewise_linear_instance w a l x x' :
  let e := Max w (Abs a (Var 0)) (LeakyRelu l 3 (Plus (Relu 5 (Var 1)) (Cst 1))) in
  sumR 2 (IG (grad e) x x') = eval e x - eval e x'.
Proof. intros e. apply completeness_piecewise_linear. repeat constructor. Qed.

Example grad_is_partial_instance i : is_partial (eval mixed) i (parabola 2) (grad mixed i (parabola 2)).
Proof.
  apply grad_is_partial. unfold mixed, Relu, Kink. simpl. split; split; auto.
  - apply kink_derive. unfold parabola. lra.
  - apply is_derive_exp.
Qed.

Example discrete_residual_instance m t w x x' :
  let phi' := fun s => sumR 2 (fun i => Dproduct i (segment x' x s) * (x i - x' i)) in
  sumR 2 (rule_IG m t w Dproduct x x') - (product x - product x') = quadrature m t w phi' - RInt phi' 0 1.
Proof.
  apply (discrete_residual 2 product Dproduct x x' (fun _ => False)).
  - apply product_on_R2.
  - apply countable_none.
  - intros s _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). unfold product, segment. auto_derive; auto.
  - intros s _ _.
    apply (path_chain_rule 2 product Dproduct (segment x' x) (fun _ i => x i - x' i));
      [apply product_on_R2 | apply product_C1 |]. intros; apply segment_derive.
  - intros; apply product_segment_integrable; auto.
Qed.

Example implementation_invariance_instance :
  attribution Dproduct parabola dparabola 0 = attribution (grad (Times (Var 0) (Var 1))) parabola dparabola 0.
Proof.
  apply (implementation_invariance product _ _ _ _ (fun _ => False)).
  - apply countable_none.
  - intros t _ _. split; [apply product_partial; lia|].
    unfold is_partial, product, upd. simpl. auto_derive; auto; ring.
  - apply product_integrable. lia.
  - simpl. apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). unfold parabola, dparabola. auto_derive; auto.
Qed.

Example dummy_instance : attribution (grad (Var 0)) parabola dparabola 1 = 0.
Proof.
  apply (dummy (fun z => z 0%nat) _ _ _ (fun _ => False)).
  - apply countable_none.
  - intros y s. reflexivity.
  - intros t _ _. unfold is_partial, upd. simpl. apply (@is_derive_const R_AbsRing R_NormedModule).
  - simpl. apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). unfold dparabola. auto_derive; auto.
Qed.

Definition second : point := fun i => match i with O => 0 | _ => 1 end.

Example sensitivity_not_0_instance :
  IG Dproduct vone second 0 = product vone - product second /\ IG Dproduct vone second 0 <> 0.
Proof.
  apply (sensitivity_not_0 2); [apply product_on_R2 | lia | intros; apply product_C1 | |].
  - intros [|k] H1 H2; [lia | reflexivity].
  - unfold product, vone, second. lra.
Qed.

Example sensitivity_path_instance : attribution Dproduct (segment second vone) (fun _ i => vone i - second i) 0
  = product (segment second vone 1) - product (segment second vone 0).
Proof.
  apply (sensitivity_path 2); [apply product_on_R2 | lia | intros; apply product_C1 | apply segment_C1 |].
  intros [|k] H1 H2 t Ht; [lia|]. unfold segment, second, vone. ring.
Qed.

Example linearity_instance a b :
  attribution (fun k z => a * Dproduct k z + b * Dproduct k z) parabola dparabola 1
  = a * attribution Dproduct parabola dparabola 1 + b * attribution Dproduct parabola dparabola 1.
Proof. apply linearity; apply product_integrable; lia. Qed.

Example symmetry_instance : IG Dproduct vone vzero 0 = IG Dproduct vone vzero 1.
Proof.
  apply (symmetry 2 product); auto; [apply product_on_R2 | apply product_sym |].
  intros; split; apply product_partial; lia.
Qed.

Definition exchange (k : nat) : nat := match k with O => 1 | S O => O | _ => k end.

Example permutation_equivariance_instance x x' :
  IG Dproduct (fun k => x (exchange k)) (fun k => x' (exchange k)) (exchange 0) = IG Dproduct x x' 0.
Proof.
  apply (permutation_equivariance 2 product); [apply product_on_R2 | lia | | |].
  - intros [|[|k]] Hk; simpl; lia.
  - intros; apply product_partial; lia.
  - intros t _.
    apply (is_derive_ext (fun s => product (upd (segment (fun k => x' (exchange k)) (fun k => x (exchange k)) t) 1 s))).
    + intros s. unfold product, upd. simpl. ring.
    + exact (product_partial _ 1%nat ltac:(lia)).
Qed.

Example affine_scale_invariance_instance x x' :
  IG (fun i z => match i with O => (z 1%nat - 1) / -6 | _ => (z 0%nat - 1) / -6 end)
    (fun k => (match k with O => 2 | _ => -3 end) * x k + 1) (fun k => (match k with O => 2 | _ => -3 end) * x' k + 1) 0
  = IG Dproduct x x' 0.
Proof.
  apply (affine_scale_invariance product Dproduct _ (fun _ => 1) (fun k => match k with O => 2 | _ => -3 end)).
  - intros [|k]; simpl; lra.
  - intros; apply product_partial; lia.
  - intros t _. unfold is_partial, product, upd. simpl. auto_derive; auto. field.
  - apply product_segment_integrable. lia.
Qed.

Example reversal_instance x x' : IG Dproduct x' x 0 = - IG Dproduct x x' 0.
Proof. apply reversal. apply product_segment_integrable. lia. Qed.

Example segment_additivity_instance x x' :
  IG Dproduct x x' 0 = IG Dproduct (segment x' x (/ 3)) x' 0 + IG Dproduct x (segment x' x (/ 3)) 0.
Proof. apply segment_additivity; [lra|]. apply product_segment_integrable. lia. Qed.

Example reparametrization_instance :
  attribution Dproduct (fun t => parabola (t ^ 2)) (fun t k => 2 * t * dparabola (t ^ 2) k) 0
  = attribution Dproduct parabola dparabola 0.
Proof.
  apply (reparametrization Dproduct parabola dparabola (fun t => t ^ 2) (fun t => 2 * t)); cbv beta;
    [|unfold pow; rewrite Rmult_0_l; reflexivity | unfold pow; rewrite !Rmult_1_l; reflexivity |].
  - intros t _. split; [auto_derive; auto; ring|].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
  - intros; apply product_integrand_continuous. lia.
Qed.

Example nondecreasing_positivity_instance : 0 <= IG Dproduct vone vzero 0.
Proof.
  apply (nondecreasing_positivity product).
  - intros t Ht s s' Hs. unfold product, upd. simpl. apply Rmult_le_compat_r; auto. unfold segment, vone, vzero. lra.
  - intros; apply product_partial; lia.
  - apply product_segment_integrable. lia.
  - unfold vone, vzero. lra.
Qed.

Example symmetric_monotonicity_instance : IG Dproduct vone vzero 0 <= IG (grad (Var 1)) vone vzero 1.
Proof.
  apply symmetric_monotonicity; try (unfold vone, vzero; lra).
  - apply product_segment_integrable. lia.
  - simpl. apply (@ex_RInt_const R_NormedModule).
  - intros t Ht. unfold Dproduct, segment, vone, vzero. simpl. lra.
Qed.

Example null_path_instance : IG Dproduct vone vone 0 = 0.
Proof. apply null_path. reflexivity. Qed.

(** The straight path meets the premises of uniqueness; so does the parabola, which does not preserve symmetry. *)
Example monotone_canonical_instance :
  preserves_symmetry 2 (canonical (segment vzero vone)) (canonical_derivative (fun _ k => vone k - vzero k)) /\
  ~ preserves_symmetry 2 (canonical parabola) (canonical_derivative dparabola).
Proof.
  split.
  - apply (monotone_canonical 2 (segment vzero vone)); try (intros; unfold segment, vone, vzero; lra).
    + apply segment_C1.
    + intros i Hi t Ht. unfold vone, vzero. lra.
    + apply diagonal_equals_IG; try (intros; unfold segment, vone, vzero; lra). apply segment_C1.
  - intros H. apply (monotone_canonical 2 parabola dparabola) in H.
    + specialize (H product Dproduct vone vzero 0%nat product_on_R2 product_C1 ltac:(lia)).
      destruct parabola_breaks_symmetry as (_ & _ & _ & _ & _ & A & _ & B & _). rewrite B in H.
      assert (E : attribution Dproduct (canonical parabola vzero vone) (canonical_derivative dparabola vzero vone) 0
        = attribution Dproduct parabola dparabola 0).
      { unfold attribution. apply RInt_ext. intros t _.
        unfold canonical, canonical_derivative, Dproduct, vone, vzero.
        match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring. }
      rewrite E, A in H. lra.
    + apply parabola_C1.
    + intros [|i] Hi t Ht; unfold dparabola; lra.
    + intros [|m] _; unfold parabola; ring.
    + intros [|m] _; unfold parabola; ring.
Qed.

Example symmetric_iff_diagonal_instance :
  (forall F D, on_Rn 2 F -> symmetric 0 1 F -> (forall p, C1_at 2 F D p) ->
     attribution D parabola dparabola 0 = attribution D parabola dparabola 1) <->
  (forall t, 0 <= t <= 1 -> parabola t 0%nat = parabola t 1%nat).
Proof.
  apply symmetric_iff_diagonal; try lia.
  - apply parabola_C1.
  - intros [|i] Hi t Ht; unfold dparabola; lra.
  - unfold parabola. ring.
Qed.

Example single_neuron_instance t : 0 <= t <= 1 -> segment vzero vone t 0%nat = segment vzero vone t 1%nat.
Proof.
  apply (single_neuron 2 (segment vzero vone) (fun _ k => vone k - vzero k)); try lia; try reflexivity.
  - apply segment_C1.
  - intros i Hi s Hs. unfold vone, vzero. lra.
Qed.

Example neuron_is_symmetric_instance p :
  on_Rn 2 (neuron 0 1 3 1) /\ symmetric 0 1 (neuron 0 1 3 1) /\ C1_at 2 (neuron 0 1 3 1) (Dneuron 0 1 3 1) p.
Proof. apply neuron_is_symmetric; lia. Qed.

Example shift_instance z t : softmax 2 (fun k => z k + t) 0 = softmax 2 z 0.
Proof. apply shift. lia. Qed.

Example attack_instance c : IG (fun i z => Dproduct i z + attack_gradient (fun _ => 100) vone vzero i) vone vzero 0
  = IG Dproduct vone vzero 0 + 100 /\
  softmax 3 (fun k => INR k * product vone + attack_shift 2 (fun _ => 100) vone vzero vone) c
  = softmax 3 (fun k => INR k * product vone) c.
Proof.
  split.
  - apply (attack 1 2 (fun _ => product) (fun _ => Dproduct) (fun _ => 100) vone vzero); try lia.
    + intros; unfold vone, vzero in *; lra.
    + exact O.
    + apply product_segment_integrable. lia.
  - apply (attack 3 2 (fun k z => INR k * product z) (fun k i z => INR k * Dproduct i z) (fun _ => 100) vone vzero);
      try lia.
    intros; unfold vone, vzero in *; lra.
Qed.

Example attack_grad_cam_instance kappa : exists D',
  (forall i, (i < 2)%nat -> is_partial (fun y => product y + kappa * sumR 1 (fun c => y (c * 2)%nat)) (0 * 2 + i) vone
     (D' (0 * 2 + i)%nat vone)) /\
  sumR 2 (fun i => D' (0 * 2 + i)%nat vone) / INR 2
  = sumR 2 (fun i => Dproduct (0 * 2 + i) vone) / INR 2 + kappa / INR 2.
Proof. apply attack_grad_cam; try lia. intros; apply product_partial; simpl; lia. Qed.

Example post_softmax_invariance_instance :
  attribution (fun _ _ => 0) parabola dparabola 0 = attribution (fun i z => 0 * grad (Var 0) i z) parabola dparabola 0.
Proof.
  assert (Z : forall z : point, softmax 2 (fun _ => 0) 1 = softmax 2 (fun _ => z 0%nat) 1).
  { intros z. rewrite <- (shift 2 (fun _ => 0) (z 0%nat) 1) by lia. unfold softmax. rewrite Rplus_0_l. reflexivity. }
  apply (post_softmax_invariance 2 (fun _ _ => 0) (fun _ z => z 0%nat) _ _ _ _ (fun _ => False) 1); auto.
  - apply countable_none.
  - intros t _ _. unfold is_partial. apply (@is_derive_const R_AbsRing R_NormedModule).
  - intros t _ _. unfold is_partial. rewrite Rmult_0_l. apply (is_derive_ext (fun _ => softmax 2 (fun _ => 0) 1)).
    + intros s. apply (Z (upd (parabola t) 0 s)).
    + apply (@is_derive_const R_AbsRing R_NormedModule).
  - apply (ex_RInt_ext (fun _ => 0)); [intros t _ | apply (@ex_RInt_const R_NormedModule)].
    match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
  - apply (ex_RInt_ext (fun _ => 0)); [intros t _ | apply (@ex_RInt_const R_NormedModule)].
    match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
Qed.
