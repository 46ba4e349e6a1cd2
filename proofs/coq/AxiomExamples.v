(** Which counterexamples show that the premises of the axioms are needed? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Networks.
Open Scope R_scope.

Lemma integral_of (f P : R -> R) v :
  (forall t, is_derive P t (f t)) -> (forall t, ex_derive f t) -> P 1 - P 0 = v -> RInt f 0 1 = v.
Proof.
  intros H Hc <-. apply (@is_RInt_unique R_CompleteNormedModule).
  apply (@is_RInt_derive R_CompleteNormedModule P); intros; auto.
  apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto.
Qed.

Lemma integral_const (c : R) : RInt (fun _ : R => c) 0 1 = c.
Proof. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring. Qed.

Lemma IG_const (D : nat -> point -> R) x x' i c : (forall t, 0 < t < 1 -> D i (segment x' x t) = c) ->
  IG D x x' i = (x i - x' i) * c.
Proof.
  intros H. unfold IG. f_equal. rewrite <- (integral_const c). apply RInt_ext. intros t Ht.
  rewrite Rmin_left, Rmax_right in Ht by lra. auto.
Qed.

(** IG.sensitivity needs still coordinates: on a detour of z_1 the function z_0 - 6 z_0 z_1 attributes nothing to z_0,
    although z_0 alone differs at the ends, and so does the score. *)
Theorem sensitivity_needs_still_coordinates :
  let F := Plus (Var 0) (Scal (-6) (Times (Var 0) (Var 1))) in
  C1_path 2 detour ddetour /\ detour 0 1%nat = detour 1 1%nat /\
  eval F (detour 0) = 0 /\ eval F (detour 1) = 1 /\
  attribution (grad F) detour ddetour 0 = 0 /\ attribution (grad F) detour ddetour 1 = 1.
Proof.
  simpl. unfold attribution. simpl. unfold detour, ddetour. split; [|repeat split; try ring].
  - intros i Hi t Ht. destruct i as [|[|i]]; try lia; split.
    + apply (@is_derive_id R_AbsRing).
    + apply continuous_const.
    + auto_derive; auto; ring.
    + apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
  - apply (integral_of _ (fun t => t - 3 * t ^ 2 + 2 * t ^ 3)); [| |ring].
    + intros t. auto_derive; auto. ring.
    + intros t. auto_derive; auto.
  - apply (integral_of _ (fun t => - 3 * t ^ 2 + 4 * t ^ 3)); [| |ring].
    + intros t. auto_derive; auto. ring.
    + intros t. auto_derive; auto.
Qed.

(** IG.symmetry needs equal coordinates: z_0^2 + z_1^2 at (2, 1). *)
Theorem symmetry_needs_equal_inputs :
  let F := Plus (Times (Var 0) (Var 0)) (Times (Var 1) (Var 1)) in
  let x := fun i : nat => match i with O => 2 | _ => 1 end in
  symmetric 0 1 (eval F) /\ (forall z i, is_partial (eval F) i z (grad F i z)) /\
  IG (grad F) x vzero 0 = 4 /\ IG (grad F) x vzero 1 = 1.
Proof.
  simpl. unfold IG, segment, vzero. simpl. split; [|split; [|split]].
  - intros z. unfold swap. simpl. ring.
  - intros z i. unfold is_partial, upd. destruct i as [|[|i]]; simpl; auto_derive; auto; ring.
  - rewrite (integral_of _ (fun t => 2 * t ^ 2) 2); try ring; intros; auto_derive; auto; ring.
  - rewrite (integral_of _ (fun t => t ^ 2) 1); try ring; intros; auto_derive; auto; ring.
Qed.

(** PATH.implementation_invariance.kink: three programs of max(z_0, z_1) from (0,0) to (1,1), the derivative 0 of
    relu at 0 and the tie of the maximum shared equally. *)
Theorem three_programs_of_max :
  let first := Plus (Relu 0 (Plus (Var 0) (Scal (-1) (Var 1)))) (Var 1) in
  let second := Plus (Relu 0 (Plus (Var 1) (Scal (-1) (Var 0)))) (Var 0) in
  let third := Max (/ 2) (Var 0) (Var 1) in
  (forall z, eval first z = Rmax (z 0%nat) (z 1%nat) /\ eval second z = Rmax (z 0%nat) (z 1%nat) /\
     eval third z = Rmax (z 0%nat) (z 1%nat)) /\
  (IG (grad first) vone vzero 0 = 0 /\ IG (grad first) vone vzero 1 = 1) /\
  (IG (grad second) vone vzero 0 = 1 /\ IG (grad second) vone vzero 1 = 0) /\
  (IG (grad third) vone vzero 0 = / 2 /\ IG (grad third) vone vzero 1 = / 2).
Proof.
  intros first second third.
  assert (Z : forall t, eval (Plus (Var 0) (Scal (-1) (Var 1))) (segment vzero vone t) = 0).
  { intros t. unfold segment, vzero, vone. simpl. ring. }
  assert (Z' : forall t, eval (Plus (Var 1) (Scal (-1) (Var 0))) (segment vzero vone t) = 0).
  { intros t. unfold segment, vzero, vone. simpl. ring. }
  assert (Z'' : forall t, eval (Var 0) (segment vzero vone t) - eval (Var 1) (segment vzero vone t) = 0).
  { intros t. unfold segment, vzero, vone. simpl. ring. }
  assert (K : forall l r c, slope l r c 0 = c).
  { intros l r c. unfold slope. destruct (Rlt_dec 0 0); [lra | reflexivity]. }
  split; [|split; [|split]].
  - intros z. unfold first, second, third. simpl. rewrite max_as_kink. split; [|split; auto].
    + rewrite Rplus_comm. do 2 f_equal. ring.
    + rewrite <- max_as_kink, Rmax_comm, max_as_kink, Rplus_comm. do 2 f_equal. ring.
  - split.
    + rewrite (IG_const _ _ _ _ 0).
      * unfold vone, vzero. ring.
      * intros t _. unfold first, Relu, Kink. 
        change (slope 0 1 0 (eval (Plus (Var 0) (Scal (-1) (Var 1))) (segment vzero vone t))
          * grad (Plus (Var 0) (Scal (-1) (Var 1))) 0 (segment vzero vone t) + 0 = 0).
        rewrite Z, K. ring.
    + rewrite (IG_const _ _ _ _ 1).
      * unfold vone, vzero. ring.
      * intros t _. unfold first, Relu, Kink. 
        change (slope 0 1 0 (eval (Plus (Var 0) (Scal (-1) (Var 1))) (segment vzero vone t))
          * grad (Plus (Var 0) (Scal (-1) (Var 1))) 1 (segment vzero vone t) + 1 = 1).
        rewrite Z, K. ring.
  - split.
    + rewrite (IG_const _ _ _ _ 1).
      * unfold vone, vzero. ring.
      * intros t _. unfold second, Relu, Kink. 
        change (slope 0 1 0 (eval (Plus (Var 1) (Scal (-1) (Var 0))) (segment vzero vone t))
          * grad (Plus (Var 1) (Scal (-1) (Var 0))) 0 (segment vzero vone t) + 1 = 1).
        rewrite Z', K. ring.
    + rewrite (IG_const _ _ _ _ 0).
      * unfold vone, vzero. ring.
      * intros t _. unfold second, Relu, Kink. 
        change (slope 0 1 0 (eval (Plus (Var 1) (Scal (-1) (Var 0))) (segment vzero vone t))
          * grad (Plus (Var 1) (Scal (-1) (Var 0))) 1 (segment vzero vone t) + 0 = 0).
        rewrite Z', K. ring.
  - split.
    + rewrite (IG_const _ _ _ _ (/ 2)).
      * unfold vone, vzero. ring.
      * intros t _. unfold third. cbn [grad]. rewrite Z'', K. simpl. field.
    + rewrite (IG_const _ _ _ _ (/ 2)).
      * unfold vone, vzero. ring.
      * intros t _. unfold third. cbn [grad]. rewrite Z'', K. simpl. field.
Qed.

(** IG.discrete_residual: the rule with one node at 0 leaves no residual on z_0^2 - z_1^2, and both attributions are
    wrong. *)
Theorem residual_0_and_wrong :
  let F := Plus (Times (Var 0) (Var 0)) (Scal (-1) (Times (Var 1) (Var 1))) in
  let rule := rule_IG 1 (fun _ => 0) (fun _ => 1) (grad F) vone vzero in
  sumR 2 rule - (eval F vone - eval F vzero) = 0 /\
  (rule 0%nat = 0 /\ rule 1%nat = 0) /\ (IG (grad F) vone vzero 0 = 1 /\ IG (grad F) vone vzero 1 = -1).
Proof.
  unfold rule_IG, quadrature, IG, segment, vone, vzero. simpl. split; [ring|split; [split; ring|split]].
  - rewrite (integral_of _ (fun t => t ^ 2) 1); try ring; intros; auto_derive; auto; ring.
  - rewrite (integral_of _ (fun t => - t ^ 2) (-1)); try ring; intros; auto_derive; auto; ring.
Qed.
