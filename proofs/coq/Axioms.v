(** Which axioms does every path attribution obey, and which only under a premise? *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Completeness.
Open Scope R_scope.

Theorem dummy D x x' i :
  (forall t, 0 < t < 1 -> D i (segment x' x t) = 0) -> IG D x x' i = 0.
Proof.
  intros H. unfold IG. rewrite (RInt_ext _ (fun _ => 0)).
  - rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. auto.
Qed.

Lemma not_depending_partial F i z l :
  (forall y s, F (upd y i s) = F y) -> is_partial F i z l -> l = 0.
Proof.
  intros H Hp. unfold is_partial in Hp.
  rewrite <- (is_derive_unique _ _ _ Hp).
  rewrite (Derive_ext _ (fun _ => F z)) by (intros; apply H). apply Derive_const.
Qed.

(** Sensitivity(b): a variable on which F does not depend gets 0. *)
Theorem sensitivity_b F D x x' i :
  (forall y s, F (upd y i s) = F y) ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t))) ->
  IG D x x' i = 0.
Proof. intros H Hp. apply dummy. intros t Ht. eapply not_depending_partial; eauto. Qed.

Theorem unchanged_input D x x' i : x i = x' i -> IG D x x' i = 0.
Proof. intros H. unfold IG. rewrite H. ring. Qed.

(** Sensitivity(a): only coordinate i differs: it carries the whole difference. *)
Theorem sensitivity_a n F D x x' i :
  on_Rn n F -> (i < n)%nat ->
  (forall t, 0 <= t <= 1 -> C1_at n F D (segment x' x t)) ->
  (forall k, (k < n)%nat -> k <> i -> x k = x' k) ->
  IG D x x' i = F x - F x'.
Proof.
  intros Hn Hi HC Hx. rewrite <- (completeness n F D x x' Hn HC).
  symmetry. apply sumR_single; auto. intros; apply unchanged_input; auto.
Qed.

Theorem linearity a b D E x x' i :
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

Lemma partial_linear F G i z a b l m :
  is_partial F i z l -> is_partial G i z m ->
  is_partial (fun y => a * F y + b * G y) i z (a * l + b * m).
Proof.
  unfold is_partial. intros H1 H2.
  apply (@is_derive_plus R_AbsRing R_NormedModule); apply is_derive_scal; auto.
Qed.

Lemma partial_symmetric n F i j z l m :
  on_Rn n F -> symmetric i j F -> z i = z j ->
  is_partial F i z l -> is_partial F j z m -> l = m.
Proof.
  intros Hn HS Hz Hi Hj. unfold is_partial in *.
  rewrite <- (is_derive_unique _ _ _ Hi), <- (is_derive_unique _ _ _ Hj), Hz.
  apply Derive_ext. intros s. rewrite <- (HS (upd z i s)).
  apply Hn. intros k _. unfold swap, upd.
  destruct (Nat.eqb_spec k i), (Nat.eqb_spec k j), (Nat.eqb_spec i j), (Nat.eqb_spec j i),
    (Nat.eqb_spec i i), (Nat.eqb_spec j j); subst; congruence.
Qed.

Theorem symmetry_preserving n F D x x' i j :
  on_Rn n F -> symmetric i j F -> x i = x j -> x' i = x' j ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t)) /\
                          is_partial F j (segment x' x t) (D j (segment x' x t))) ->
  IG D x x' i = IG D x x' j.
Proof.
  intros Hn HS Hx Hx' HD. unfold IG. rewrite Hx, Hx'. f_equal.
  apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  destruct (HD t Ht) as [H1 H2].
  apply (partial_symmetric n F i j (segment x' x t)); auto.
  unfold segment. congruence.
Qed.

Theorem implementation_invariance F D E x x' i :
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t))) ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (E i (segment x' x t))) ->
  IG D x x' i = IG E x x' i.
Proof.
  intros HD HE. unfold IG. f_equal. apply RInt_ext. intros t Ht.
  rewrite Rmin_left, Rmax_right in Ht by lra.
  rewrite <- (is_derive_unique _ _ _ (HD t Ht)). apply is_derive_unique. apply HE; auto.
Qed.

