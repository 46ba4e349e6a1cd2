(** What is the gradient of a softmax probability, and when does it vanish? *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Axioms.
Open Scope R_scope.

Lemma sum_exp_pos n z : (0 < n)%nat -> 0 < sumR n (fun k => exp (z k)).
Proof.
  intros Hn. destruct n; [lia|]. simpl. pose proof (exp_pos (z n)).
  assert (0 <= sumR n (fun k => exp (z k))) by (apply sumR_ge0; intros; left; apply exp_pos). lra.
Qed.

Lemma softmax_pos n z c : (0 < n)%nat -> 0 < softmax n z c.
Proof. intros Hn. apply Rdiv_lt_0_compat; [apply exp_pos | apply sum_exp_pos; auto]. Qed.

Lemma softmax_sum n z : (0 < n)%nat -> sumR n (softmax n z) = 1.
Proof.
  intros Hn. unfold softmax, Rdiv. rewrite sumR_scal_r. field.
  pose proof (sum_exp_pos n z Hn). lra.
Qed.

Lemma sum_others_plus n c f : (c < n)%nat -> sum_others n c f + f c = sumR n f.
Proof.
  intros Hc. unfold sum_others.
  rewrite <- (sumR_delta n c f) by auto. rewrite <- sumR_plus. apply sumR_ext. intros j _.
  destruct (Nat.eqb_spec j c) as [->|]; ring.
Qed.

Lemma sum_others_le n c f g : (forall j, (j < n)%nat -> j <> c -> f j <= g j) -> sum_others n c f <= sum_others n c g.
Proof.
  intros H. apply sumR_le. intros j Hj. destruct (Nat.eqb_spec j c); [lra | auto].
Qed.

Lemma sum_others_abs n c f : Rabs (sum_others n c f) <= sum_others n c (fun j => Rabs (f j)).
Proof.
  eapply Rle_trans; [apply sumR_abs|]. right. apply sumR_ext. intros j _.
  destruct (Nat.eqb j c); [apply Rabs_R0 | reflexivity].
Qed.

Lemma sum_others_scal_r n c f a : sum_others n c (fun j => f j * a) = sum_others n c f * a.
Proof. unfold sum_others. rewrite <- sumR_scal_r. apply sumR_ext. intros j _. destruct (Nat.eqb j c); ring. Qed.

Lemma sum_others_const n c a : (c < n)%nat -> sum_others n c (fun _ => a) = (INR n - 1) * a.
Proof. intros Hc. pose proof (sum_others_plus n c (fun _ => a) Hc) as H. rewrite sumR_const in H. lra. Qed.

Lemma others_sum n z c : (c < n)%nat -> sum_others n c (softmax n z) = 1 - softmax n z c.
Proof. intros Hc. rewrite <- (softmax_sum n z) by lia. rewrite <- (sum_others_plus n c) by auto. ring. Qed.

(** Along one real parameter. *)
Lemma log_softmax_derive n (z : R -> point) (dz : nat -> R) c s : (c < n)%nat ->
  (forall j, (j < n)%nat -> is_derive (fun s => z s j) s (dz j)) ->
  is_derive (fun s => ln (softmax n (z s) c)) s (sum_others n c (fun j => softmax n (z s) j * (dz c - dz j))).
Proof.
  intros Hc Hz. assert (HT : forall z, 0 < sumR n (fun k => exp (z k))) by (intros; apply sum_exp_pos; lia).
  apply (is_derive_ext (fun s => z s c - ln (sumR n (fun k => exp (z s k))))).
  { intros u. unfold softmax, Rdiv.
    rewrite ln_mult, ln_Rinv, ln_exp by (auto using exp_pos, Rinv_0_lt_compat). reflexivity. }
  set (T := sumR n (fun k => exp (z s k))).
  replace (sum_others n c (fun j => softmax n (z s) j * (dz c - dz j)))
    with (minus (dz c) (mult (sumR n (fun k => mult (dz k) (exp (z s k)))) (/ T))).
  - apply (@is_derive_minus R_AbsRing R_NormedModule); [apply Hz; auto|].
    apply (is_derive_comp ln (fun s => sumR n (fun k => exp (z s k)))).
    + apply is_derive_Reals. apply derivable_pt_lim_ln. apply HT.
    + apply (is_derive_sumR n (fun k s => exp (z s k))). intros k Hk.
      apply (is_derive_comp exp (fun s => z s k)); [|apply Hz; auto].
      apply is_derive_Reals. apply derivable_pt_lim_exp.
  - pose proof (sum_others_plus n c (fun j => softmax n (z s) j * (dz c - dz j)) Hc) as E.
    cbv beta in E. rewrite Rminus_eq_0, Rmult_0_r, Rplus_0_r in E. rewrite E.
    assert (E2 : sumR n (fun j => softmax n (z s) j * (dz c - dz j))
      = dz c - sumR n (fun k => dz k * exp (z s k)) * / T).
    { rewrite (sumR_ext n _ (fun j => softmax n (z s) j * dz c - (dz j * exp (z s j)) * / T))
        by (intros; unfold softmax, T, Rdiv; ring).
      rewrite sumR_minus, !sumR_scal_r, softmax_sum by lia. ring. }
    rewrite E2. reflexivity.
Qed.

Lemma point_upd z i : upd z i (z i) = z.
Proof. apply functional_extensionality. intros k. apply upd_self. Qed.

Section Gradient.
Variables (n : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R) (c i : nat) (z : point).
Hypothesis Hc : (c < n)%nat.

(** SOFTMAX.gradient *)
Theorem softmax_gradient : (forall j, (j < n)%nat -> is_partial (Z j) i z (DZ j i z)) ->
  is_partial (fun y => ln (probability n Z c y)) i z
    (sum_others n c (fun j => probability n Z j z * (DZ c i z - DZ j i z))) /\
  is_partial (probability n Z c) i z
    (probability n Z c z * sum_others n c (fun j => probability n Z j z * (DZ c i z - DZ j i z))).
Proof.
  intros HZ.
  pose proof (log_softmax_derive n (fun s j => Z j (upd z i s)) (fun j => DZ j i z) c (z i) Hc HZ) as L.
  cbv beta in L. rewrite point_upd in L. fold (probability n Z c z) in L. split; [exact L|].
  unfold is_partial.
  assert (HP : forall y, 0 < probability n Z c y) by (intros; apply softmax_pos; lia).
  apply (is_derive_ext (fun s => exp (ln (probability n Z c (upd z i s))))); [intros; apply exp_ln; auto|].
  replace (probability n Z c z) with (exp (ln (probability n Z c (upd z i (z i))))) at 1
    by (rewrite point_upd; apply exp_ln; auto).
  rewrite Rmult_comm.
  apply (is_derive_comp exp (fun s => ln (probability n Z c (upd z i s)))); [|exact L].
  apply is_derive_Reals. apply derivable_pt_lim_exp.
Qed.

(** SOFTMAX.saturation *)
Theorem saturation M : (forall j, (j < n)%nat -> j <> c -> Rabs (DZ c i z - DZ j i z) <= M) ->
  Rabs (probability_grad n Z DZ c i z) <= probability n Z c z * (1 - probability n Z c z) * M.
Proof.
  intros HM. unfold probability_grad.
  assert (HP : forall j, 0 < probability n Z j z) by (intros; apply softmax_pos; lia).
  rewrite Rabs_mult, (Rabs_pos_eq (probability n Z c z)) by (left; auto).
  rewrite Rmult_assoc. apply Rmult_le_compat_l; [left; auto|].
  eapply Rle_trans; [apply sum_others_abs|].
  unfold probability at 2. rewrite <- (others_sum n (fun j => Z j z) c) by auto.
  rewrite <- sum_others_scal_r. apply sum_others_le. intros j Hj Hjc.
  rewrite Rabs_mult, (Rabs_pos_eq (probability n Z j z)) by (left; auto).
  apply Rmult_le_compat_l; auto. left; apply HP.
Qed.

(** SOFTMAX.saturation: A margin g of logit c over every other logit leaves the others no more than (n-1) exp(-g). *)
Theorem confident g : (forall j, (j < n)%nat -> j <> c -> g <= Z c z - Z j z) ->
  1 - probability n Z c z <= (INR n - 1) * exp (- g).
Proof.
  intros Hg. unfold probability. rewrite <- others_sum, <- (sum_others_const n c) by auto.
  apply sum_others_le. intros j Hj Hjc. unfold softmax.
  assert (HT : exp (Z c z) <= sumR n (fun k => exp (Z k z))).
  { rewrite <- (sum_others_plus n c) by auto.
    assert (0 <= sum_others n c (fun k => exp (Z k z))).
    { apply sumR_ge0. intros k _. destruct (Nat.eqb k c); [lra | left; apply exp_pos]. }
    lra. }
  pose proof (exp_pos (Z c z)). apply (Rmult_le_reg_r (sumR n (fun k => exp (Z k z)))); [lra|].
  unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
  apply Rle_trans with (exp (- g) * exp (Z c z)).
  - rewrite <- exp_plus. specialize (Hg j Hj Hjc).
    destruct (Req_dec (Z j z) (- g + Z c z)) as [->|]; [lra|]. left. apply exp_increasing. lra.
  - apply Rmult_le_compat_l; auto. left; apply exp_pos.
Qed.
End Gradient.

(** RSI.saturation *)
Theorem saturation_sharp n Z DZ c i z beta g M :
  (c < n)%nat -> 0 <= beta -> 0 <= M -> (forall j, (j < n)%nat -> j <> c -> g <= Z c z - Z j z) ->
  (forall j, (j < n)%nat -> j <> c -> Rabs (DZ c i z - DZ j i z) <= M) ->
  Rabs (probability_grad n (sharpen beta Z) (sharpen_grad beta DZ) c i z)
    <= (INR n - 1) * M * (beta * exp (- (beta * g))).
Proof.
  intros Hc Hb HM Hg HD.
  set (y := probability n (sharpen beta Z) c z).
  assert (Hy : 0 < y) by (apply softmax_pos; lia).
  assert (Hy1 : y <= 1).
  { unfold y, probability. pose proof (others_sum n (fun j => sharpen beta Z j z) c Hc) as E.
    assert (0 <= sum_others n c (softmax n (fun j => sharpen beta Z j z))).
    { apply sumR_ge0. intros k _. destruct (Nat.eqb k c); [lra | left; apply softmax_pos; lia]. }
    lra. }
  eapply Rle_trans; [apply (saturation n (sharpen beta Z) (sharpen_grad beta DZ) c i z Hc (beta * M))|].
  - intros j Hj Hjc. unfold sharpen_grad. rewrite <- Rmult_minus_distr_l, Rabs_mult, Rabs_pos_eq by auto.
    apply Rmult_le_compat_l; auto.
  - fold y. pose proof (confident n (sharpen beta Z) c z Hc (beta * g)) as K. fold y in K.
    assert (K' : 1 - y <= (INR n - 1) * exp (- (beta * g))).
    { apply K. intros j Hj Hjc. unfold sharpen. rewrite <- Rmult_minus_distr_l. apply Rmult_le_compat_l; auto. }
    assert (0 <= beta * M) by (apply Rmult_le_pos; auto).
    replace ((INR n - 1) * M * (beta * exp (- (beta * g)))) with (1 * ((INR n - 1) * exp (- (beta * g))) * (beta * M))
        by ring.
    apply Rmult_le_compat_r; auto. apply Rmult_le_compat; lra.
Qed.

(** RSI.saturation: The bound, hence the gradient, tends to 0 as beta grows. *)
Theorem saturation_limit n Z DZ c i z g M :
  (c < n)%nat -> 0 < g -> (forall j, (j < n)%nat -> j <> c -> g <= Z c z - Z j z) ->
  (forall j, (j < n)%nat -> j <> c -> Rabs (DZ c i z - DZ j i z) <= M) ->
  is_lim (fun beta => probability_grad n (sharpen beta Z) (sharpen_grad beta DZ) c i z) p_infty 0.
Proof.
  intros Hc Hg HZ HD.
  set (M' := Rmax 0 M). set (B := (INR n - 1) * M' * (2 / (g * g))).
  assert (HM' : 0 <= M') by apply Rmax_l. assert (HM : M <= M') by apply Rmax_r.
  assert (Hn : 0 <= INR n - 1) by (apply Rge_le, Rge_minus, Rle_ge, (le_INR 1 n); lia).
  assert (HB : 0 <= B).
  { apply Rmult_le_pos; [apply Rmult_le_pos; auto|]. left. apply Rdiv_lt_0_compat; [lra|]. apply Rmult_lt_0_compat;
      auto. }
  assert (Hexp : forall u, 0 < u -> u * u / 2 < exp u).
  { intros u Hu. 
    destruct (MVT_gen (fun v => exp v - (v * v / 2 + v)) 0 u (fun v => exp v - (v + 1))) as (v & Hv & E).
    - intros v _. auto_derive; auto. field.
    - intros v _. apply continuity_pt_filterlim.
      apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun v => exp v - (v * v / 2 + v))). auto_derive. auto.
    - rewrite Rmin_left, Rmax_right in Hv by lra. rewrite exp_0 in E.
      pose proof (exp_ineq1_le v). assert (0 <= (exp v - (v + 1)) * (u - 0)) by (apply Rmult_le_pos; lra). lra. }
  apply (is_lim_le_le_loc (fun beta => - (B * / beta)) (fun beta => B * / beta)).
  - exists 0. intros beta Hbeta. apply Rabs_le_between.
    eapply Rle_trans; [apply (saturation_sharp n Z DZ c i z beta g M'); auto; try lra|].
    + intros j Hj Hjc. eapply Rle_trans; [apply HD; auto | auto].
    + unfold B. replace ((INR n - 1) * M' * (2 / (g * g)) * / beta)
        with ((INR n - 1) * M' * (2 / (g * g) * / beta)) by ring.
      apply Rmult_le_compat_l; [apply Rmult_le_pos; auto|].
      assert (Hbg : 0 < beta * g) by (apply Rmult_lt_0_compat; auto).
      rewrite exp_Ropp. specialize (Hexp (beta * g) Hbg).
      replace (2 / (g * g) * / beta) with (beta * / ((beta * g) * (beta * g) / 2)) by (field; lra).
      apply Rmult_le_compat_l; [lra|]. left. apply Rinv_lt_contravar; auto.
      apply Rmult_lt_0_compat; [|apply exp_pos].
      apply Rdiv_lt_0_compat; [|lra]. apply Rmult_lt_0_compat; auto.
  - replace (Finite 0) with (Rbar_opp (Rbar_mult B 0)) by (simpl; f_equal; ring).
    apply is_lim_opp. apply is_lim_scal_l. apply (is_lim_inv (fun x => x) p_infty p_infty);
        [apply is_lim_id | discriminate].
  - replace (Finite 0) with (Rbar_mult B 0) by (simpl; f_equal; ring).
    apply is_lim_scal_l. apply (is_lim_inv (fun x => x) p_infty p_infty); [apply is_lim_id | discriminate].
Qed.

(** SOFTMAX.implementation: Post-softmax attributions are functions of the outputs: two models with the same outputs,
    differentiable
    along the path, get the same. *)
Theorem outputs_decide n Z W DZ DW (g dg : R -> point) c i :
  (c < n)%nat -> (forall z, probability n Z c z = probability n W c z) ->
  (forall t, 0 < t < 1 -> forall j, (j < n)%nat -> is_partial (Z j) i (g t) (DZ j i (g t)) /\ is_partial (W j) i (g t)
      (DW j i (g t))) ->
  attribution (probability_grad n Z DZ c) g dg i = attribution (probability_grad n W DW c) g dg i.
Proof.
  intros Hc HF HD. unfold attribution. apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end. f_equal.
  destruct (softmax_gradient n Z DZ c i (g t) Hc (fun j Hj => proj1 (HD t Ht j Hj))) as [_ E1].
  destruct (softmax_gradient n W DW c i (g t) Hc (fun j Hj => proj2 (HD t Ht j Hj))) as [_ E2].
  fold (probability_grad n Z DZ c i (g t)) in E1. fold (probability_grad n W DW c i (g t)) in E2.
  unfold is_partial in E1, E2.
  rewrite <- (is_derive_unique _ _ _ E1), <- (is_derive_unique _ _ _ E2). apply Derive_ext. intros s. apply HF.
Qed.

(** SOFTMAX.implementation: Pre-softmax attributions are not: logits (0, 0) and (z_0, z_0) have the same outputs. *)
Theorem outputs_do_not_decide_logits :
  let Z := fun (j : nat) (z : point) => 0 in let DZ := fun (j i : nat) (z : point) => 0 in
  let W := fun (j : nat) (z : point) => z 0%nat in
  let DW := fun (j i : nat) (z : point) => if Nat.eqb i 0 then 1 else 0 in
  (forall c z, probability 2 Z c z = probability 2 W c z) /\
  (forall j i z, is_partial (Z j) i z (DZ j i z) /\ is_partial (W j) i z (DW j i z)) /\
  IG (DZ 0%nat) vone vzero 0 = 0 /\ IG (DW 0%nat) vone vzero 0 = 1.
Proof.
  cbv zeta. split; [|split; [|split]].
  - intros c z. unfold probability, softmax. simpl. rewrite exp_0. pose proof (exp_pos (z 0%nat)). field. lra.
  - intros j i z. unfold is_partial. split; [apply (@is_derive_const R_AbsRing R_NormedModule 0)|].
    rewrite Nat.eqb_sym. apply upd_derive.
  - unfold IG. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
  - unfold IG. rewrite RInt_const. unfold scal, vone, vzero; simpl; unfold mult; simpl. ring.
Qed.
