(** Which paths treat two coordinates alike for every single softplus neuron?  (UNIQ.single_neuron) *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Axioms.
Open Scope R_scope.

Lemma softplus_derive a : is_derive softplus a (sigmoid a).
Proof.
  unfold softplus, sigmoid. pose proof (exp_pos a).
  auto_derive; [lra | field; lra].
Qed.

Lemma sigmoid_bounds a : 0 < sigmoid a < 1.
Proof.
  unfold sigmoid. pose proof (exp_pos a). split.
  - apply Rdiv_lt_0_compat; lra.
  - apply (Rmult_lt_reg_r (1 + exp a)); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l by lra. lra.
Qed.

Lemma softplus_pos a : 0 < softplus a.
Proof.
  unfold softplus. rewrite <- ln_1. pose proof (exp_pos a). apply ln_increasing; lra.
Qed.

Lemma softplus_ge a : a <= softplus a.
Proof.
  unfold softplus. rewrite <- (ln_exp a) at 1. left. pose proof (exp_pos a).
  apply ln_increasing; lra.
Qed.

Lemma sigmoid_continuous a : continuous sigmoid a.
Proof.
  apply (@ex_derive_continuous R_AbsRing R_NormedModule).
  unfold sigmoid. pose proof (exp_pos a). auto_derive. lra.
Qed.

Lemma neuron_sym i j k c : symmetric i j (neuron i j k c).
Proof.
  intros z. unfold neuron, swap. rewrite !Nat.eqb_refl.
  destruct (Nat.eqb_spec j i); subst; do 2 f_equal; ring.
Qed.

Lemma neuron_Rn n i j k c : (i < n)%nat -> (j < n)%nat -> on_Rn n (neuron i j k c).
Proof. intros Hi Hj y z H. unfold neuron. rewrite (H i), (H j); auto. Qed.

Lemma neuron_partial i j k c m z : i <> j -> is_partial (neuron i j k c) m z (Dneuron i j k c m z).
Proof.
  intros Hij. unfold is_partial, neuron, Dneuron.
  assert (G : forall b, is_derive (fun s => softplus (k * (s + b - c))) (z m)
                          (k * sigmoid (k * (z m + b - c)))).
  { intros b. apply (is_derive_comp softplus (fun s => k * (s + b - c))).
    - apply softplus_derive.
    - auto_derive; auto; ring. }
  destruct (Nat.eqb_spec m i) as [->|Hi]; simpl.
  - apply (is_derive_ext (fun s => softplus (k * (s + z j - c)))); auto.
    intros s. rewrite upd_same, upd_other by auto. reflexivity.
  - destruct (Nat.eqb_spec m j) as [->|Hj]; simpl.
    + rewrite (Rplus_comm (z i)).
      apply (is_derive_ext (fun s => softplus (k * (s + z i - c)))); auto.
      intros s. rewrite upd_same, upd_other by auto. rewrite (Rplus_comm s). reflexivity.
    + apply (is_derive_ext (fun s => softplus (k * (z i + z j - c)))).
      * intros s. rewrite !upd_other by auto. reflexivity.
      * apply (@is_derive_const R_AbsRing R_NormedModule).
Qed.

Lemma neuron_cont n i j k c m p :
  (i < n)%nat -> (j < n)%nat -> cont_at n (Dneuron i j k c m) p.
Proof.
  intros Hi Hj eps Heps. unfold Dneuron. destruct (orb (Nat.eqb m i) (Nat.eqb m j)).
  - assert (C : continuity_pt (fun s => k * sigmoid (k * (s - c))) (p i + p j)).
    { apply continuity_pt_filterlim.
      apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => k * sigmoid (k * (s - c)))).
      unfold sigmoid. pose proof (exp_pos (k * (p i + p j - c))). auto_derive. unfold Rminus in *; lra. }
    destruct (C eps Heps) as (d & Hd & K). exists (d / 2). split; [lra|].
    intros z Hz. unfold dist in K; simpl in K; unfold R_dist in K.
    destruct (Req_dec (z i + z j) (p i + p j)) as [E|E].
    + rewrite E. rewrite Rminus_eq_0, Rabs_R0. lra.
    + apply K. split; [split; [exact I | auto]|].
      replace (z i + z j - (p i + p j)) with ((z i - p i) + (z j - p j)) by ring.
      eapply Rle_lt_trans; [apply Rabs_triang|].
      pose proof (Hz i Hi). pose proof (Hz j Hj). lra.
  - exists 1. split; [lra|]. intros z _. rewrite Rminus_eq_0, Rabs_R0. lra.
Qed.

Lemma neuron_C1 n i j k c p :
  i <> j -> (i < n)%nat -> (j < n)%nat -> C1_at n (neuron i j k c) (Dneuron i j k c) p.
Proof.
  intros Hij Hi Hj. split.
  - exists 1. split; [lra|]. intros z _ m _. apply neuron_partial; auto.
  - intros m _. apply neuron_cont; auto.
Qed.

Section Path.
Variables (g dg : R -> point) (i j : nat).
Hypothesis Hij : i <> j.
Hypothesis Hder : forall m, m = i \/ m = j ->
  forall t, 0 <= t <= 1 -> is_derive (fun s => g s m) t (dg t m).
Hypothesis Hcont : forall m, m = i \/ m = j ->
  forall t, 0 <= t <= 1 -> continuous (fun s => dg s m) t.
Hypothesis Hmono : forall m, m = i \/ m = j -> forall t, 0 <= t <= 1 -> 0 <= dg t m.
Hypothesis Hend : g 1 i = g 1 j.

Let u t := g t i + g t j.
Let du t := dg t i + dg t j.
Let v t := g t i - g t j.
Let dv t := dg t i - dg t j.

Lemma u_der t : 0 <= t <= 1 -> is_derive u t (du t).
Proof. intros H. apply (@is_derive_plus R_AbsRing R_NormedModule); apply Hder; auto. Qed.
Lemma v_der t : 0 <= t <= 1 -> is_derive v t (dv t).
Proof. intros H. apply (@is_derive_minus R_AbsRing R_NormedModule); apply Hder; auto. Qed.
Lemma du_cont t : 0 <= t <= 1 -> continuous du t.
Proof. intros H. apply (@continuous_plus _ R_AbsRing R_NormedModule); apply Hcont; auto. Qed.
Lemma dv_cont t : 0 <= t <= 1 -> continuous dv t.
Proof. intros H. apply (@continuous_minus _ R_AbsRing R_NormedModule); apply Hcont; auto. Qed.

Section Bound.
Variables (k t0 : R).
Hypothesis Hk : 0 < k.
Hypothesis Ht0 : 0 <= t0 <= 1.
Let c := u t0.
Let q t := sigmoid (k * (u t - c)).
Let P t := softplus (k * (u t - c)) / k.

Lemma P_der t : 0 <= t <= 1 -> is_derive P t (q t * du t).
Proof.
  intros H. unfold P.
  apply (is_derive_ext (fun s => / k * softplus (k * (u s - c)))).
  { intros s. simpl. unfold Rdiv. ring. }
  replace (q t * du t) with (/ k * ((k * du t) * sigmoid (k * (u t - c)))) by (unfold q; field; lra).
  apply is_derive_scal.
  apply (is_derive_comp softplus (fun s => k * (u s - c))).
  - apply softplus_derive.
  - apply is_derive_scal.
    replace (du t) with (minus (du t) 0) by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply u_der; auto|].
    apply (@is_derive_const R_AbsRing R_NormedModule).
Qed.

Lemma q_cont t : 0 <= t <= 1 -> continuous q t.
Proof.
  intros H. unfold q. apply (continuous_comp (fun s => k * (u s - c)) sigmoid).
  - apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists.
    apply is_derive_scal.
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply u_der; auto|].
    apply (@is_derive_const R_AbsRing R_NormedModule).
  - apply sigmoid_continuous.
Qed.

Lemma int_left : is_RInt (fun t => q t * du t) 0 t0 (P t0 - P 0).
Proof.
  apply (@is_RInt_derive R_CompleteNormedModule P).
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. apply P_der; lra.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    apply (@continuous_mult _ R_AbsRing); [apply q_cont; lra | apply du_cont; lra].
Qed.

Lemma int_right : is_RInt (fun t => (1 - q t) * du t) t0 1 ((u 1 - P 1) - (u t0 - P t0)).
Proof.
  apply (@is_RInt_derive R_CompleteNormedModule (fun t => u t - P t)).
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    replace ((1 - q t) * du t) with (minus (du t) (q t * du t))
      by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply u_der; lra | apply P_der; lra].
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    apply (@continuous_mult _ R_AbsRing); [|apply du_cont; lra].
    apply (@continuous_minus _ R_AbsRing R_NormedModule); [apply continuous_const | apply q_cont; lra].
Qed.

Lemma int_v : is_RInt dv t0 1 (v 1 - v t0).
Proof.
  apply (@is_RInt_derive R_CompleteNormedModule v).
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. apply v_der; lra.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. apply dv_cont; lra.
Qed.

Lemma ex_qdv a b : 0 <= a -> a <= b -> b <= 1 -> ex_RInt (fun t => q t * dv t) a b.
Proof.
  intros Ha Hab Hb. apply (@ex_RInt_continuous R_CompleteNormedModule).
  intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  apply (@continuous_mult _ R_AbsRing); [apply q_cont; lra | apply dv_cont; lra].
Qed.

Lemma dv_le_du t : 0 <= t <= 1 -> - du t <= dv t <= du t.
Proof.
  intros H. pose proof (Hmono i (or_introl eq_refl) t H).
  pose proof (Hmono j (or_intror eq_refl) t H). unfold du, dv. lra.
Qed.

(** squeeze: if |f| <= h pointwise then |int f| <= int h *)
Lemma squeeze f h a b If Ih : a <= b ->
  (forall t, a < t < b -> - h t <= f t <= h t) ->
  is_RInt f a b If -> is_RInt h a b Ih -> Rabs If <= Ih.
Proof.
  intros Hab H Hf Hh. apply Rabs_le. split.
  - apply (is_RInt_le (fun t => - h t) f a b); auto.
    + apply (@is_RInt_opp R_NormedModule); auto.
    + intros t Ht. apply H; auto.
  - apply (is_RInt_le f h a b); auto. intros t Ht. apply H; auto.
Qed.

Lemma v_bound :
  attribution (Dneuron i j k c) g dg i = attribution (Dneuron i j k c) g dg j ->
  Rabs (v t0) <= 2 * ln 2 / k.
Proof.
  intros Heq.
  (* the attribution gap is the integral of k q v' *)
  assert (Hdn : forall m, m = i \/ m = j -> forall t, Dneuron i j k c m (g t) * dg t m = k * (q t * dg t m)).
  { intros m Hm t. unfold Dneuron. replace (orb (Nat.eqb m i) (Nat.eqb m j)) with true.
    - unfold q, u. ring.
    - destruct Hm as [->| ->]; rewrite Nat.eqb_refl; [reflexivity|]. now rewrite Bool.orb_true_r. }
  assert (Hexm : forall m, m = i \/ m = j -> ex_RInt (fun t => q t * dg t m) 0 1).
  { intros m Hm. apply (@ex_RInt_continuous R_CompleteNormedModule).
    intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    apply (@continuous_mult _ R_AbsRing); [apply q_cont; lra | apply Hcont; auto]. }
  assert (Hpath : forall m, m = i \/ m = j ->
            attribution (Dneuron i j k c) g dg m = k * RInt (fun t => q t * dg t m) 0 1).
  { intros m Hm. unfold attribution. apply (@is_RInt_unique R_CompleteNormedModule).
    apply is_RInt_ext with (fun t => scal k (q t * dg t m)).
    - intros t _. rewrite (Hdn m Hm t). reflexivity.
    - apply (@is_RInt_scal R_NormedModule). apply (@RInt_correct R_CompleteNormedModule). auto. }
  rewrite !Hpath in Heq by auto. apply Rmult_eq_reg_l in Heq; [|lra].
  assert (Hzero : RInt (fun t => q t * dv t) 0 1 = 0).
  { apply (@is_RInt_unique R_CompleteNormedModule).
    apply is_RInt_ext with (fun t => minus (q t * dg t i) (q t * dg t j)).
    - intros t _. unfold dv, minus, plus, opp; simpl. ring.
    - replace 0 with (minus (RInt (fun t => q t * dg t i) 0 1) (RInt (fun t => q t * dg t j) 0 1)) at 2
        by (unfold minus, plus, opp; simpl; lra).
      apply (@is_RInt_minus R_NormedModule); apply (@RInt_correct R_CompleteNormedModule); auto. }
  pose proof (@RInt_correct R_CompleteNormedModule _ _ _ (ex_qdv 0 t0 ltac:(lra) ltac:(lra) ltac:(lra))) as IA.
  pose proof (@RInt_correct R_CompleteNormedModule _ _ _ (ex_qdv t0 1 ltac:(lra) ltac:(lra) ltac:(lra))) as IB.
  set (A := RInt (fun t => q t * dv t) 0 t0) in *.
  set (B := RInt (fun t => q t * dv t) t0 1) in *.
  assert (HAB : A + B = 0).
  { rewrite <- Hzero. symmetry. apply (@is_RInt_unique R_CompleteNormedModule).
    apply (@is_RInt_Chasles R_NormedModule _ 0 t0 1); auto. }
  assert (IC : is_RInt (fun t => (1 - q t) * dv t) t0 1 ((v 1 - v t0) - B)).
  { apply is_RInt_ext with (fun t => minus (dv t) (q t * dv t)).
    - intros t _. unfold minus, plus, opp; simpl. ring.
    - apply (@is_RInt_minus R_NormedModule); [apply int_v | exact IB]. }
  assert (HA : Rabs A <= P t0 - P 0).
  { apply (squeeze (fun t => q t * dv t) (fun t => q t * du t) 0 t0); auto; [lra | | apply int_left].
    intros t Ht. pose proof (dv_le_du t ltac:(lra)) as K.
    assert (Hq : 0 < q t) by apply sigmoid_bounds.
    split; [rewrite Ropp_mult_distr_r|]; apply Rmult_le_compat_l; lra. }
  assert (HC : Rabs ((v 1 - v t0) - B) <= (u 1 - P 1) - (u t0 - P t0)).
  { apply (squeeze (fun t => (1 - q t) * dv t) (fun t => (1 - q t) * du t) t0 1); auto; [lra | | apply int_right].
    intros t Ht. pose proof (dv_le_du t ltac:(lra)) as K.
    assert (Hq : q t < 1) by apply sigmoid_bounds.
    split; [rewrite Ropp_mult_distr_r|]; apply Rmult_le_compat_l; lra. }
  assert (HP0 : 0 < P 0) by (unfold P; apply Rdiv_lt_0_compat; [apply softplus_pos | lra]).
  assert (HPt : P t0 = ln 2 / k).
  { unfold P, c. rewrite Rminus_eq_0, Rmult_0_r. unfold softplus. rewrite exp_0.
    replace (1 + 1) with 2 by ring. reflexivity. }
  assert (HP1 : u 1 - u t0 <= P 1).
  { unfold P. apply (Rmult_le_reg_l k); auto.
    replace (k * (softplus (k * (u 1 - c)) / k)) with (softplus (k * (u 1 - c))) by (field; lra).
    apply softplus_ge. }
  assert (Hv1 : v 1 = 0) by (unfold v; lra).
  rewrite Hv1 in HC.
  replace (v t0) with (A - ((0 - v t0) - B)) by lra.
  replace (2 * ln 2 / k) with (ln 2 / k + ln 2 / k) by (field; lra).
  eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  apply Rplus_le_compat; lra.
Qed.
End Bound.

(** If all softplus neurons with equal weights on i and j get equal attributions, the path
    stays on the diagonal. *)
Theorem neurons_force_diagonal :
  (forall k c, 0 < k -> attribution (Dneuron i j k c) g dg i = attribution (Dneuron i j k c) g dg j) ->
  forall t, 0 <= t <= 1 -> g t i = g t j.
Proof.
  intros H t Ht. apply Rminus_diag_uniq. apply Rabs_eq_0.
  apply Rle_antisym; [|apply Rabs_pos].
  apply le_epsilon. intros eps Heps. rewrite Rplus_0_l.
  assert (Hln : 0 < ln 2) by (rewrite <- ln_1; apply ln_increasing; lra).
  assert (Hk : 0 < 2 * ln 2 / eps) by (apply Rdiv_lt_0_compat; lra).
  pose proof (v_bound (2 * ln 2 / eps) t Hk Ht (H _ _ Hk)) as K.
  replace (2 * ln 2 / (2 * ln 2 / eps)) with eps in K by (field; lra).
  exact K.
Qed.
End Path.

(** UNIQ.single_neuron *)
Theorem single_neuron n g dg i j :
  i <> j -> (i < n)%nat -> (j < n)%nat -> C1_path n g dg -> monotone n dg -> g 1 i = g 1 j ->
  (forall k c, 0 < k -> attribution (Dneuron i j k c) g dg i = attribution (Dneuron i j k c) g dg j) ->
  forall t, 0 <= t <= 1 -> g t i = g t j.
Proof.
  intros Hij Hi Hj Hg Hm Hend. apply neurons_force_diagonal; auto.
  - intros m [->| ->] t Ht; apply Hg; auto.
  - intros m [->| ->] t Ht; apply Hg; auto.
  - intros m [->| ->] t Ht; apply Hm; auto.
Qed.

Theorem neuron_is_symmetric n i j k c p :
  i <> j -> (i < n)%nat -> (j < n)%nat ->
  on_Rn n (neuron i j k c) /\ symmetric i j (neuron i j k c) /\ C1_at n (neuron i j k c) (Dneuron i j k c) p.
Proof.
  intros. split; [apply neuron_Rn; auto|]. split; [apply neuron_sym | apply neuron_C1; auto].
Qed.
