(** Is a derivative almost everywhere enough for completeness?  No: the Cantor function.  (PATH.completeness.cantor)

    The k-th approximant is the mean of two copies of the one before, three times as fast: at 3 t and at 3 t - 2. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Networks PiecewiseLinear Polygon.
Open Scope R_scope.

Lemma approximant_0 k : forall t, t <= 0 -> cantor k t = 0.
Proof.
  induction k; intros t Ht; simpl; [apply clamp_0; auto|]. rewrite !IHk by lra. field.
Qed.

Lemma approximant_1 k : forall t, 1 <= t -> cantor k t = 1.
Proof.
  induction k; intros t Ht; simpl; [apply clamp_1; auto|]. rewrite !IHk by lra. field.
Qed.

Lemma approximant_continuous k : forall t, continuous (cantor k) t.
Proof.
  induction k; intros t; simpl; [apply clamp_continuous|].
  apply (@continuous_mult _ R_AbsRing); [|apply continuous_const].
  apply (@continuous_plus _ R_AbsRing R_NormedModule).
  - apply (continuous_comp (fun s => 3 * s) (cantor k)); auto.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
  - apply (continuous_comp (fun s => 3 * s - 2) (cantor k)); auto.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Lemma approximant_step k : forall t, Rabs (cantor (S k) t - cantor k t) <= (/ 2) ^ k.
Proof.
  induction k; intros t.
  - simpl. unfold clamp, Rmin, Rmax, Rabs.
    repeat destruct (Rle_dec _ _); repeat destruct (Rcase_abs _); lra.
  - change (cantor (S (S k)) t) with ((cantor (S k) (3 * t) + cantor (S k) (3 * t - 2)) / 2).
    change (cantor (S k) t) with ((cantor k (3 * t) + cantor k (3 * t - 2)) / 2).
    replace ((cantor (S k) (3 * t) + cantor (S k) (3 * t - 2)) / 2 - (cantor k (3 * t) + cantor k (3 * t - 2)) / 2)
      with (/ 2 * ((cantor (S k) (3 * t) - cantor k (3 * t))
        + (cantor (S k) (3 * t - 2) - cantor k (3 * t - 2)))) by field.
    rewrite Rabs_mult, (Rabs_pos_eq (/ 2)) by lra. simpl pow. apply Rmult_le_compat_l; [lra|].
    destruct (Rle_dec 1 (3 * t)).
    + rewrite (approximant_1 (S k) (3 * t)), (approximant_1 k (3 * t)) by auto.
      rewrite Rminus_eq_0, Rplus_0_l. apply IHk.
    + rewrite (approximant_0 (S k) (3 * t - 2)), (approximant_0 k (3 * t - 2)) by lra.
      rewrite Rminus_eq_0, Rplus_0_r. apply IHk.
Qed.

Lemma approximant_far k m t : Rabs (cantor (k + m) t - cantor k t) <= 2 * (/ 2) ^ k - 2 * (/ 2) ^ (k + m).
Proof.
  induction m.
  - rewrite Nat.add_0_r, Rminus_eq_0, Rabs_R0. lra.
  - rewrite Nat.add_succ_r.
    replace (cantor (S (k + m)) t - cantor k t)
      with ((cantor (S (k + m)) t - cantor (k + m) t) + (cantor (k + m) t - cantor k t)) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. pose proof (approximant_step (k + m) t). simpl pow. lra.
Qed.

Lemma half_pow k : 0 < (/ 2) ^ k.
Proof. apply pow_lt. lra. Qed.

Lemma half_pow_small eps : 0 < eps -> exists k, 2 * (/ 2) ^ k < eps.
Proof.
  intros He. destruct (pow_lt_1_zero (/ 2) ltac:(rewrite Rabs_pos_eq; lra) (eps / 2) ltac:(lra)) as [k Hk].
  exists k. specialize (Hk k (le_n k)). pose proof (half_pow k). rewrite Rabs_pos_eq in Hk; lra.
Qed.

Lemma approximant_near k n t : (k <= n)%nat -> Rabs (cantor n t - cantor k t) <= 2 * (/ 2) ^ k.
Proof.
  intros H. replace n with (k + (n - k))%nat by lia.
  pose proof (approximant_far k (n - k) t). pose proof (half_pow (k + (n - k))). lra.
Qed.

Lemma limit_exists t : ex_finite_lim_seq (fun k => cantor k t).
Proof.
  apply ex_lim_seq_cauchy_corr. intros eps. destruct (half_pow_small (eps / 2)) as [k Hk].
  { pose proof (cond_pos eps). lra. }
  exists k. intros n m Hn Hm.
  replace (cantor n t - cantor m t) with ((cantor n t - cantor k t) - (cantor m t - cantor k t)) by ring.
  pose proof (approximant_near k n t Hn). pose proof (approximant_near k m t Hm).
  unfold Rminus at 1. eapply Rle_lt_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra.
Qed.

Lemma limit_is t : is_lim_seq (fun k => cantor k t) (cantor_function t).
Proof.
  unfold cantor_function. apply Lim_seq_correct'. apply limit_exists.
Qed.

Lemma limit_near k t : Rabs (cantor_function t - cantor k t) <= 2 * (/ 2) ^ k.
Proof.
  assert (L : is_lim_seq (fun n => Rabs (cantor (n + k) t - cantor k t)) (Rabs (cantor_function t - cantor k t))).
  { apply (is_lim_seq_abs (fun n => cantor (n + k) t - cantor k t) (cantor_function t - cantor k t)).
    apply (is_lim_seq_minus' _ (fun _ => cantor k t)); [|apply is_lim_seq_const].
    apply (is_lim_seq_incr_n (fun n => cantor n t) k). apply limit_is. }
  apply (is_lim_seq_le (fun n => Rabs (cantor (n + k) t - cantor k t)) (fun _ => 2 * (/ 2) ^ k)
    (Finite (Rabs (cantor_function t - cantor k t))) (Finite (2 * (/ 2) ^ k))); auto.
  - intros n. apply approximant_near. lia.
  - apply is_lim_seq_const.
Qed.

Lemma cantor_continuous t : continuous cantor_function t.
Proof.
  apply continuity_pt_filterlim. intros eps Heps. destruct (half_pow_small (eps / 3) ltac:(lra)) as [k Hk].
  pose proof (approximant_continuous k t) as C. apply continuity_pt_filterlim in C.
  destruct (C (eps / 3) ltac:(lra)) as (d & Hd & K). exists d. split; auto. intros s [_ Hs].
  unfold dist in *; simpl in *; unfold R_dist in *.
  assert (A : Rabs (cantor k s - cantor k t) < eps / 3).
  { destruct (Req_dec s t) as [->|Hst]; [rewrite Rminus_eq_0, Rabs_R0; lra|].
    apply K. split; [split; [exact I | auto]|]. exact Hs. }
  replace (cantor_function s - cantor_function t) with
    ((cantor_function s - cantor k s) + (cantor k s - cantor k t) + - (cantor_function t - cantor k t)) by ring.
  pose proof (limit_near k s). pose proof (limit_near k t).
  eapply Rle_lt_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp.
  pose proof (Rabs_triang (cantor_function s - cantor k s) (cantor k s - cantor k t)). lra.
Qed.

(** The left ends of the 2^k intervals of length 3^-k that are left after k steps. *)
Fixpoint remaining (k j : nat) : R :=
  match k with
  | O => 0
  | S k => if Nat.ltb j (2 ^ k) then remaining k j / 3 else (remaining k (j - 2 ^ k) + 2) / 3
  end.

Lemma locally_constant k : forall t,
  (forall j, (j < 2 ^ k)%nat -> ~ (remaining k j <= t <= remaining k j + (/ 3) ^ k)) ->
  exists d c, 0 < d /\ forall s, Rabs (s - t) < d -> forall n, (k <= n)%nat -> cantor n s = c.
Proof.
  induction k; intros t Ht.
  - specialize (Ht O ltac:(simpl; lia)). simpl in Ht. destruct (Rlt_dec t 0) as [H|H].
    + exists (- t), 0. split; [lra|]. intros s Hs n _. apply approximant_0. apply Rabs_lt_between in Hs. lra.
    + exists (t - 1), 1. split; [lra|]. intros s Hs n _. apply approximant_1. apply Rabs_lt_between in Hs. lra.
  - assert (P : (0 < 2 ^ k)%nat) by (apply Nat.neq_0_lt_0, Nat.pow_nonzero; lia).
    destruct (IHk (3 * t)) as (d1 & c1 & Hd1 & H1).
    { intros j Hj Hin. apply (Ht j); [simpl; lia|]. simpl. destruct (Nat.ltb_spec j (2 ^ k)); [lra | lia]. }
    destruct (IHk (3 * t - 2)) as (d2 & c2 & Hd2 & H2).
    { intros j Hj Hin. apply (Ht (2 ^ k + j)%nat); [simpl; lia|]. simpl.
      destruct (Nat.ltb_spec (2 ^ k + j) (2 ^ k)); [lia|].
      replace (2 ^ k + j - 2 ^ k)%nat with j by lia. lra. }
    exists (Rmin d1 d2 / 3), ((c1 + c2) / 2). split.
    { assert (0 < Rmin d1 d2) by (apply Rmin_pos; auto). lra. }
    intros s Hs n Hn. pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2). apply Rabs_lt_between in Hs.
    destruct n as [|n]; [lia|]. simpl. rewrite (H1 (3 * s)), (H2 (3 * s - 2)); auto; try lia;
    apply Rabs_lt_between; lra.
Qed.

Lemma cantor_derive k t : (forall j, (j < 2 ^ k)%nat -> ~ (remaining k j <= t <= remaining k j + (/ 3) ^ k)) ->
  is_derive cantor_function t 0.
Proof.
  intros Ht. destruct (locally_constant k t Ht) as (d & c & Hd & H).
  apply (is_derive_ext_loc (fun _ => c)); [|apply (@is_derive_const R_AbsRing R_NormedModule)].
  exists (mkposreal d Hd). intros s Hs.
  assert (Hs' : Rabs (s - t) < d) by exact Hs.
  symmetry. unfold cantor_function.
  assert (L : is_lim_seq (fun n => cantor n s) c).
  { apply (is_lim_seq_incr_n (fun n => cantor n s) k). apply (is_lim_seq_ext (fun _ => c)); [|apply is_lim_seq_const].
    intros n. symmetry. apply H; auto. lia. }
  rewrite (is_lim_seq_unique _ _ L). reflexivity.
Qed.

Lemma sumR_const n c : sumR n (fun _ => c) = INR n * c.
Proof. induction n; [simpl; ring|]. rewrite S_INR. simpl. rewrite IHn. ring. Qed.

(** The Cantor function is continuous and rises from 0 to 1; off a set of content 0 its derivative is 0, so that what
    integrates the derivative finds 0 instead of 1. *)
Theorem cantor_counterexample :
  let F := fun z : point => cantor_function (z 0%nat) in
  (forall t, continuous (fun s => F (segment vzero vone s)) t) /\
  (exists E, negligible E /\
     forall t, ~ E t -> is_partial F 0 (segment vzero vone t) 0) /\
  IG (fun _ _ => 0) vone vzero 0 = 0 /\ F vone - F vzero = 1.
Proof.
  intros F.
  assert (E0 : forall t, segment vzero vone t 0%nat = t) by (intros; unfold segment, vzero, vone; ring).
  assert (L0 : cantor_function 0 = 0).
  { unfold cantor_function. rewrite (Lim_seq_ext _ (fun _ => 0)), Lim_seq_const; auto.
    intros n. apply approximant_0. lra. }
  assert (L1 : cantor_function 1 = 1).
  { unfold cantor_function. rewrite (Lim_seq_ext _ (fun _ => 1)), Lim_seq_const; auto.
    intros n. apply approximant_1. lra. }
  split; [|split; [|split]].
  - intros t. apply (continuous_ext cantor_function); [|apply cantor_continuous].
    intros s. unfold F. rewrite E0. reflexivity.
  - exists (fun t => ~ is_derive cantor_function t 0). split.
    + intros eps Heps.
      destruct (pow_lt_1_zero (2 / 3) ltac:(rewrite Rabs_pos_eq; lra) eps Heps) as [k Hk]. specialize (Hk k (le_n k)).
      exists (2 ^ k)%nat, (remaining k), (fun j => remaining k j + (/ 3) ^ k). split; [|split].
      * intros j _. assert (0 < (/ 3) ^ k) by (apply pow_lt; lra). lra.
      * rewrite (sumR_ext _ _ (fun _ => (/ 3) ^ k)) by (intros; ring). rewrite sumR_const, pow_INR.
        replace (INR 2) with 2 by (simpl; ring). rewrite <- Rpow_mult_distr.
        rewrite Rabs_pos_eq in Hk by (apply pow_le; lra). exact Hk.
      * intros t Ht. apply Classical_Prop.NNPP. intros N. apply Ht. apply (cantor_derive k). intros j Hj Hin.
        apply N. exists j. auto.
    + intros t Ht. unfold is_partial, F. rewrite E0.
      apply (is_derive_ext cantor_function); [intros s; rewrite upd_same; reflexivity|].
      apply Classical_Prop.NNPP. exact Ht.
  - unfold IG. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
  - unfold F, vone, vzero. rewrite L0, L1. ring.
Qed.

Lemma cantor_net_eval k : forall e z, eval (cantor_net k e) z = cantor k (eval e z).
Proof.
  induction k; intros e z.
  - simpl. unfold clamp, kink, Rmin, Rmax. repeat destruct (Rle_dec _ _); repeat destruct (Rlt_dec _ _); lra.
  - change (eval (cantor_net (S k) e) z) with (/ 2 * (eval (cantor_net k (Scal 3 e)) z
      + eval (cantor_net k (Plus (Scal 3 e) (Cst (-2)))) z)).
    rewrite !IHk. simpl. replace (3 * eval e z + -2) with (3 * eval e z - 2) by ring. field.
Qed.

Lemma cantor_net_linear n k : forall e, piecewise_linear n e -> piecewise_linear n (cantor_net k e).
Proof. induction k; intros e He; simpl; repeat first [apply IHk | constructor]; auto. Qed.

Lemma first_slope k : forall t, 0 <= t <= (/ 3) ^ k -> cantor k t = (3 / 2) ^ k * t.
Proof.
  induction k; intros t Ht; simpl in *.
  - rewrite clamp_id by lra. ring.
  - assert (P : (/ 3) ^ k <= 1) by (rewrite <- (pow1 k); apply pow_incr; lra).
    rewrite (IHk (3 * t)) by lra. rewrite (approximant_0 k (3 * t - 2)) by lra. field.
Qed.

(** The approximants are ReLU networks with slope (3/2)^k next to 0, and complete: their Integrated Gradients are 1. *)
Theorem cantor_approximants (k : nat) :
  (forall z, eval (cantor_net k (Var 0)) z = cantor k (z 0%nat)) /\
  (forall t, Rabs (cantor_function t - cantor k t) <= 2 * (/ 2) ^ k) /\
  (forall t, 0 <= t <= (/ 3) ^ k -> cantor k t = (3 / 2) ^ k * t) /\
  IG (grad (cantor_net k (Var 0))) vone vzero 0 = 1.
Proof.
  split; [intros; apply cantor_net_eval|]. split; [intros; apply limit_near|].
  split; [apply first_slope|].
  pose proof (completeness_piecewise_linear 1 (cantor_net k (Var 0)) vone vzero
    (cantor_net_linear 1 k (Var 0) ltac:(constructor; lia))) as K.
  rewrite !cantor_net_eval in K. simpl eval in K. unfold sumR in K. rewrite Rplus_0_l in K. rewrite K.
  unfold vone, vzero. rewrite approximant_1, approximant_0 by lra. ring.
Qed.
