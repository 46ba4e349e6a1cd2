(** Which attributions survive a common shift of all logits?  (SOFTMAX.shift, SOFTMAX.attack) *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Completeness Axioms.
Open Scope R_scope.

Lemma sumR_exp_pos n z : (0 < n)%nat -> 0 < sumR n (fun k => exp (z k)).
Proof.
  induction n; intros H; [lia|]. simpl. pose proof (exp_pos (z n)).
  destruct n; [simpl; lra|]. specialize (IHn ltac:(lia)). lra.
Qed.

(** SOFTMAX.shift *)
Theorem shift n z t i :
  (0 < n)%nat -> softmax n (fun k => z k + t) i = softmax n z i.
Proof.
  intros Hn. unfold softmax. rewrite exp_plus.
  rewrite (sumR_ext n _ (fun k => exp t * exp (z k))) by (intros; rewrite exp_plus; ring).
  rewrite sumR_scal. pose proof (exp_pos t). pose proof (sumR_exp_pos n z Hn).
  field. split; lra.
Qed.

Lemma linearity_IG a b D E x x' i :
  ex_RInt (fun t => D i (segment x' x t)) 0 1 ->
  ex_RInt (fun t => E i (segment x' x t)) 0 1 ->
  IG (fun k z => a * D k z + b * E k z) x x' i = a * IG D x x' i + b * IG E x x' i.
Proof.
  intros HD HE. unfold IG.
  assert (K : is_RInt (fun t => a * D i (segment x' x t) + b * E i (segment x' x t)) 0 1
    (plus (scal a (RInt (fun t => D i (segment x' x t)) 0 1))
          (scal b (RInt (fun t => E i (segment x' x t)) 0 1)))).
  { apply (@is_RInt_plus R_NormedModule);
    apply (@is_RInt_scal R_NormedModule); apply (@RInt_correct R_CompleteNormedModule); auto. }
  rewrite (@is_RInt_unique R_CompleteNormedModule _ _ _ _ K).
  unfold plus, scal; simpl; unfold mult; simpl. ring.
Qed.

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

(** SOFTMAX.attack: the shift of all logits leaves every probability unchanged at every input and adds v to the
    Integrated Gradients of every logit. *)
Theorem attack (K n : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R) (v x x' : point) :
  (0 < K)%nat -> (forall i, (i < n)%nat -> x i = x' i -> v i = 0) ->
  (forall z k, softmax K (fun c => Z c z + attack_shift n v x x' z) k = softmax K (fun c => Z c z) k) /\
  (forall c z i, (i < n)%nat -> is_partial (Z c) i z (DZ c i z) ->
     is_partial (fun y => Z c y + attack_shift n v x x' y) i z (DZ c i z + attack_gradient v x x' i)) /\
  (forall c i, (i < n)%nat -> ex_RInt (fun t => DZ c i (segment x' x t)) 0 1 ->
     IG (fun i z => DZ c i z + attack_gradient v x x' i) x x' i = IG (DZ c) x x' i + v i).
Proof.
  intros HK Hv. split; [|split].
  - intros z k. apply (shift K (fun c => Z c z)); auto.
  - intros c z i Hi HZ. unfold is_partial. apply (@is_derive_plus R_AbsRing R_NormedModule); [apply HZ|].
    pose proof (dot_partial n (attack_gradient v x x') z i Hi) as P. unfold is_partial, dot in P.
    apply (is_derive_ext (fun s => sumR n (fun k => attack_gradient v x x' k * upd z i s k)
      - sumR n (fun k => attack_gradient v x x' k * x' k))).
    + intros s. unfold attack_shift. rewrite <- (Rmult_1_l (sumR n (fun k => attack_gradient v x x' k * x' k))).
      unfold Rminus. rewrite Ropp_mult_distr_l, <- sumR_scal, <- sumR_plus. apply sumR_ext. intros; ring.
    + replace (attack_gradient v x x' i) with (minus (attack_gradient v x x' i) 0)
        by (unfold minus, plus, opp; simpl; ring).
      apply (@is_derive_minus R_AbsRing R_NormedModule); auto. apply (@is_derive_const R_AbsRing R_NormedModule).
  - intros c i Hi Hex.
    pose proof (linearity_IG 1 1 (DZ c) (fun k _ => attack_gradient v x x' k) x x' i Hex
      (@ex_RInt_const R_NormedModule 0 1 (attack_gradient v x x' i))) as L.
    rewrite !Rmult_1_l in L.
    replace (IG (fun k _ => attack_gradient v x x' k) x x' i) with (v i) in L.
    + rewrite <- L. unfold IG. f_equal. apply RInt_ext. intros t _.
      match goal with |- @eq _ ?u ?w => change (@eq R u w) end. ring.
    + unfold IG. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. unfold attack_gradient.
      destruct (Req_dec (x i) (x' i)) as [E|E].
      * rewrite (Hv i Hi E). unfold Rdiv. ring.
      * field. lra.
Qed.

(** SOFTMAX.attack for Grad-CAM at a layer of C channels with m positions each, channel k at the coordinates
    k m, .., k m + m - 1: the shift kappa * (sum of the first position of each channel) adds kappa / m to the mean
    of the gradient over every channel. *)
Theorem attack_grad_cam (C m k : nat) (S : point -> R) (D : nat -> point -> R) (kappa : R) (z : point) :
  (0 < m)%nat -> (k < C)%nat ->
  (forall i, (i < m)%nat -> is_partial S (k * m + i) z (D (k * m + i)%nat z)) ->
  exists D', (forall i, (i < m)%nat -> is_partial (fun y => S y + kappa * sumR C (fun c => y (c * m)%nat)) (k * m + i) z
                (D' (k * m + i)%nat z)) /\
    sumR m (fun i => D' (k * m + i)%nat z) / INR m = sumR m (fun i => D (k * m + i)%nat z) / INR m + kappa / INR m.
Proof.
  intros Hm Hk HS.
  exists (fun j z => D j z + (if Nat.eqb j (k * m) then kappa else 0)). split.
  - intros i Hi. unfold is_partial. apply (@is_derive_plus R_AbsRing R_NormedModule); [apply HS; auto|].
    set (j := (k * m + i)%nat).
    apply (is_derive_ext (fun s => kappa * sumR C (fun c => z (c * m)%nat)
      + (if Nat.eqb j (k * m) then kappa else 0) * (s - z j))).
    2:{ auto_derive; auto; ring. }
    intros s. match goal with |- @eq _ ?u ?w => change (@eq R u w) end.
    assert (A : sumR C (fun c => upd z j s (c * m)%nat + - z (c * m)%nat)
      = if Nat.eqb j (k * m) then s - z j else 0).
    { rewrite (sumR_single C _ k); auto.
      - destruct (Nat.eqb_spec j (k * m)) as [E|E].
        + rewrite <- E, upd_same. reflexivity.
        + rewrite upd_other by lia. ring.
      - intros c Hc Hck. rewrite upd_other; [ring|]. unfold j. intros E.
        assert (c = k); [|lia].
        assert (Q : (c * m / m = (k * m + i) / m)%nat) by (rewrite E; reflexivity).
        rewrite Nat.div_mul in Q by lia. rewrite Nat.div_add_l, Nat.div_small in Q by lia. lia. }
    rewrite sumR_plus in A.
    assert (B : sumR C (fun c => - z (c * m)%nat) = - sumR C (fun c => z (c * m)%nat)).
    { rewrite (sumR_ext C (fun c => - z (c * m)%nat) (fun c => -1 * z (c * m)%nat)) by (intros; ring).
      rewrite sumR_scal. ring. }
    rewrite B in A. destruct (Nat.eqb j (k * m)); [|rewrite Rmult_0_l].
    + replace (sumR C (fun c => upd z j s (c * m)%nat)) with (s - z j + sumR C (fun c => z (c * m)%nat)) by lra. ring.
    + replace (sumR C (fun c => upd z j s (c * m)%nat)) with (sumR C (fun c => z (c * m)%nat)) by lra. ring.
  - rewrite sumR_plus. rewrite (sumR_single m (fun i => if Nat.eqb (k * m + i) (k * m) then kappa else 0) 0); auto.
    + rewrite Nat.add_0_r, Nat.eqb_refl. unfold Rdiv. ring.
    + intros i _ Hi. destruct (Nat.eqb_spec (k * m + i) (k * m)); auto. lia.
Qed.

(** SOFTMAX.implementation: logits Z and Z' with the same probabilities get the same post-softmax attributions. *)
Theorem post_softmax_invariance K (Z Z' : nat -> point -> R) D D' g dg E c i :
  (forall z, softmax K (fun k => Z k z) c = softmax K (fun k => Z' k z) c) -> countable E ->
  (forall t, 0 < t < 1 -> ~ E t -> is_partial (fun z => softmax K (fun k => Z k z) c) i (g t) (D i (g t))) ->
  (forall t, 0 < t < 1 -> ~ E t -> is_partial (fun z => softmax K (fun k => Z' k z) c) i (g t) (D' i (g t))) ->
  ex_RInt (fun t => D i (g t) * dg t i) 0 1 -> ex_RInt (fun t => D' i (g t) * dg t i) 0 1 ->
  attribution D g dg i = attribution D' g dg i.
Proof.
  intros HZ HE HD HD' H H'.
  apply (implementation_invariance (fun z => softmax K (fun k => Z k z) c) D D' g dg E); auto.
  intros t Ht Hn. split; auto. unfold is_partial. eapply is_derive_ext; [|apply (HD' t Ht Hn)].
  intros s. symmetry. apply HZ.
Qed.

(** ... but not the same pre-softmax ones: two classes, one input, logits 0 against logits z. *)
Theorem pre_softmax_differs :
  (forall z k, softmax 2 (fun _ => 0) k = softmax 2 (fun _ => eval (Var 0) z) k) /\
  IG (fun i z => grad (Cst 0) i z) vone vzero 0 = 0 /\ IG (grad (Var 0)) vone vzero 0 = 1.
Proof.
  split; [|split].
  - intros z k. symmetry. rewrite <- (shift 2 (fun _ => 0) (eval (Var 0) z) k) by lia.
    unfold softmax. rewrite Rplus_0_l. reflexivity.
  - unfold IG. simpl. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
  - unfold IG, vone, vzero. simpl. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
Qed.
