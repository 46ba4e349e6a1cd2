(** Which attributions survive a common shift of all logits?  (SOFTMAX.shift, SOFTMAX.attack) *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Axioms.
Open Scope R_scope.

Lemma sumR_exp_pos n z : (0 < n)%nat -> 0 < sumR n (fun k => exp (z k)).
Proof.
  induction n; intros H; [lia|]. simpl. pose proof (exp_pos (z n)).
  destruct n; [simpl; lra|]. specialize (IHn ltac:(lia)). lra.
Qed.

Theorem softmax_shift n z t i :
  (0 < n)%nat -> softmax n (fun k => z k + t) i = softmax n z i.
Proof.
  intros Hn. unfold softmax. rewrite exp_plus.
  rewrite (sumR_ext n _ (fun k => exp t * exp (z k))) by (intros; rewrite exp_plus; ring).
  rewrite sumR_scal. pose proof (exp_pos t). pose proof (sumR_exp_pos n z Hn).
  field. split; lra.
Qed.

(** The logit attributions of a softmax classifier are not determined by its outputs: for
    every class c and every wanted vector w there is an added term T, the same for all logits
    (so all class probabilities are unchanged at every input), after which the IG of logit c
    is w on every coordinate where x and x' differ. Z k : logit k, DZ k its gradient. *)
Definition dot (n : nat) (a z : point) : R := sumR n (fun k => a k * z k).

Lemma dot_upd n a z i s : (i < n)%nat -> dot n a (upd z i s) = dot n a z + a i * (s - z i).
Proof.
  unfold dot. induction n; intros H; [lia|]. simpl.
  destruct (Nat.eq_dec i n) as [->|Hi].
  - rewrite upd_same.
    rewrite (sumR_ext n (fun k => a k * upd z n s k) (fun k => a k * z k)).
    + ring.
    + intros k Hk. rewrite upd_other by lia. reflexivity.
  - rewrite IHn by lia. rewrite upd_other by lia. ring.
Qed.

Lemma dot_partial n a z i : (i < n)%nat -> is_partial (dot n a) i z (a i).
Proof.
  intros H. unfold is_partial.
  apply (is_derive_ext (fun s => dot n a z + a i * (s - z i))).
  - intros s. rewrite dot_upd by auto. reflexivity.
  - auto_derive; auto; ring.
Qed.

Theorem logit_IG_not_identified (K n : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R)
    (x x' w : point) (c : nat) :
  (0 < K)%nat -> (c < K)%nat ->
  (forall i, (i < n)%nat -> ex_RInt (fun t => DZ c i (segment x' x t)) 0 1) ->
  (forall z i, (i < n)%nat -> is_partial (Z c) i z (DZ c i z)) ->
  exists (T : point -> R) (DT : nat -> point -> R),
    (forall z i, (i < n)%nat -> is_partial (fun y => Z c y + T y) i z (DZ c i z + DT i z)) /\
    (forall z k, softmax K (fun m => Z m z + T z) k = softmax K (fun m => Z m z) k) /\
    (forall i, (i < n)%nat -> x i <> x' i ->
       IG (fun k z => DZ c k z + DT k z) x x' i = w i).
Proof.
  intros HK Hc Hex Hp.
  set (a := fun i => (w i - IG (DZ c) x x' i) / (x i - x' i)).
  exists (dot n a), (fun i _ => a i). split; [|split].
  - intros z i Hi. unfold is_partial.
    apply (@is_derive_plus R_AbsRing R_NormedModule); [apply Hp; auto | apply dot_partial; auto].
  - intros z k. apply softmax_shift; auto.
  - intros i Hi Hne.
    assert (E : IG (fun k z => DZ c k z + a k) x x' i
                = IG (fun k z => 1 * DZ c k z + 1 * a k) x x' i).
    { unfold IG. f_equal. apply RInt_ext. intros t _.
      match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring. }
    rewrite E, (linearity 1 1 (DZ c) (fun k _ => a k)).
    + replace (IG (fun k (_ : point) => a k) x x' i) with ((x i - x' i) * a i).
      * unfold a. field. lra.
      * unfold IG. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
    + auto.
    + apply ex_RInt_const.
Qed.

