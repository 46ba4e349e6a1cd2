(** Does a layer integral survive where the gradient of a confident softmax vanishes? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Completeness SoftmaxGradient Baselines Layers.
Open Scope R_scope.

Lemma sharpen_C1 n beta F D p : C1_at n F D p -> C1_at n (fun z => beta * F z) (fun i z => beta * D i z) p.
Proof.
  intros [(r & Hr & H) HC]. split.
  - exists r. split; auto. intros z Hz i Hi. apply is_derive_scal. apply H; auto.
  - intros i Hi. apply (cont_mult n (fun _ => beta) (D i)); auto. apply cont_const.
Qed.

Section Saturation.
Variables (n m classes : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R).
Variables (h : nat -> point -> R) (Dh : nat -> nat -> point -> R) (g dg : R -> point) (c : nat) (beta : R).
Hypothesis Hc : (c < classes)%nat.
Hypothesis Hh : forall k, (k < m)%nat -> on_Rn n (h k).
Hypothesis HZ : forall j, (j < classes)%nat -> on_Rn m (Z j).
Hypothesis Hg : C1_path n g dg.
Hypothesis HCh : forall t, 0 <= t <= 1 -> forall k, (k < m)%nat -> C1_at n (h k) (Dh k) (g t).
Hypothesis HCZ : forall t, 0 <= t <= 1 -> forall j, (j < classes)%nat -> C1_at m (Z j) (DZ j) (trajectory h g t).

(** RSI.saturation *)
Theorem saturated_layer_complete :
  sumR m (RSI n (probability_grad classes (sharpen beta Z) (sharpen_grad beta DZ) c) h Dh g dg)
  = probability classes (sharpen beta Z) c (trajectory h g 1) - probability classes (sharpen beta Z) c (trajectory h g
      0).
Proof.
  apply (layer_completeness n m (fun z => probability classes (sharpen beta Z) c (fun k => h k z))
    (probability classes (sharpen beta Z) c)); auto.
  - apply probability_Rn; auto. intros j Hj y z H. unfold sharpen. rewrite (HZ j Hj y z H). reflexivity.
  - intros t Ht. apply probability_C1; auto.
    + intros j Hj y z H. unfold sharpen. rewrite (HZ j Hj y z H). reflexivity.
    + intros j Hj. apply sharpen_C1. auto.
Qed.

(** RSI.saturation: Class c leads by a at the end of the path, class j leads c by b at its start: the sum tends to 1. *)
Theorem saturated_layer_gap j a b : (j < classes)%nat -> 0 <= beta ->
  (forall k, (k < classes)%nat -> k <> c -> a <= Z c (trajectory h g 1) - Z k (trajectory h g 1)) ->
  b <= Z j (trajectory h g 0) - Z c (trajectory h g 0) ->
  1 - (INR classes - 1) * exp (- (beta * a)) - exp (- (beta * b))
    <= sumR m (RSI n (probability_grad classes (sharpen beta Z) (sharpen_grad beta DZ) c) h Dh g dg).
Proof.
  intros Hj Hb Ha Hbj. rewrite saturated_layer_complete.
  pose proof (confident classes (sharpen beta Z) c (trajectory h g 1) Hc (beta * a)) as K.
  assert (K1 : 1 - probability classes (sharpen beta Z) c (trajectory h g 1) <= (INR classes - 1) * exp (- (beta * a))).
  { apply K. intros k Hk Hkc. unfold sharpen. rewrite <- Rmult_minus_distr_l. apply Rmult_le_compat_l; auto. }
  assert (K0 : probability classes (sharpen beta Z) c (trajectory h g 0) <= exp (- (beta * b))).
  { unfold probability, softmax, sharpen. set (z := trajectory h g 0).
    set (T := sumR classes (fun k => exp (beta * Z k z))).
    assert (HT : exp (beta * Z j z) <= T).
    { unfold T. rewrite <- (sum_others_plus classes j) by auto.
      assert (0 <= sum_others classes j (fun k => exp (beta * Z k z))); [|lra].
      apply sumR_ge0. intros k _. destruct (Nat.eqb k j); [lra | left; apply exp_pos]. }
    pose proof (exp_pos (beta * Z j z)). apply (Rmult_le_reg_r T); [lra|].
    unfold Rdiv. rewrite Rmult_assoc, Rinv_l, Rmult_1_r by lra.
    apply Rle_trans with (exp (- (beta * b)) * exp (beta * Z j z)).
    - rewrite <- exp_plus.
      assert (L : beta * Z c z <= - (beta * b) + beta * Z j z).
      { assert (beta * b <= beta * (Z j z - Z c z)) by (apply Rmult_le_compat_l; auto). lra. }
      destruct L as [L|L]; [left; apply exp_increasing; auto | right; rewrite L; reflexivity].
    - apply Rmult_le_compat_l; auto. left; apply exp_pos. }
  lra.
Qed.
End Saturation.
