(** Is a layer sum with a differentiation matrix exact on polynomials?  (RS.spectral) *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Exact QuadratureOrder.
Open Scope R_scope.

Fixpoint derivative (p : list R) : list R :=
  match p with nil => nil | cons _ nil => nil | cons _ l => add l (cons 0 (derivative l)) end.

Lemma derivative_length p : (length (derivative p) <= pred (length p))%nat.
Proof.
  induction p as [|c [|c' p] IH]; auto.
  change (derivative (c :: c' :: p)) with (add (c' :: p) (cons 0 (derivative (c' :: p)))).
  rewrite add_length. simpl length in *. lia.
Qed.

Lemma derivative_correct p s : is_derive (polynomial p) s (polynomial (derivative p) s).
Proof.
  induction p as [|c [|c' p] IH].
  - apply (@is_derive_const R_AbsRing R_NormedModule 0).
  - simpl. auto_derive; auto; ring.
  - change (derivative (c :: c' :: p)) with (add (c' :: p) (cons 0 (derivative (c' :: p)))).
    set (l := cons c' p) in *. rewrite polynomial_add.
    replace (polynomial l s + polynomial (cons 0 (derivative l)) s)
      with (plus 0 (plus (mult 1 (polynomial l s)) (mult s (polynomial (derivative l) s))))
      by (unfold plus, mult; simpl; ring).
    apply (@is_derive_plus R_AbsRing R_NormedModule (fun _ => c) (fun s => s * polynomial l s));
      [apply (@is_derive_const R_AbsRing R_NormedModule)|].
    apply (@is_derive_mult R_AbsRing (fun s => s) (polynomial l)); auto; [|intros; apply Rmult_comm].
    apply (@is_derive_id R_AbsRing).
Qed.

Lemma mul_length l m : (length (mul l m) <= Nat.max (length l) (length l + length m - 1))%nat.
Proof.
  induction l as [|a l IH]; [simpl; lia|].
  change (mul (cons a l) m) with (add (List.map (Rmult a) m) (cons 0 (mul l m))).
  rewrite add_length, List.map_length. simpl length in *. lia.
Qed.

(** RS.spectral *)
Theorem spectral_exact m t w d p q : differentiates m t d ->
  (forall r, (length r <= 2 * m)%nat -> quadrature (S m) t w (polynomial r) = RInt (polynomial r) 0 1) ->
  (length p <= S m)%nat -> (length q <= S m)%nat ->
  spectral_sum m w d (fun l => polynomial p (t l)) (fun l => polynomial q (t l))
  = RInt (fun s => polynomial p s * Derive (polynomial q) s) 0 1.
Proof.
  intros Hd Hr Hp Hq. set (r := mul (derivative q) p).
  assert (D : forall s, Derive (polynomial q) s = polynomial (derivative q) s)
    by (intros; apply is_derive_unique, derivative_correct).
  assert (E : forall s, polynomial r s = polynomial p s * Derive (polynomial q) s).
  { intros s. unfold r. rewrite D, polynomial_mul. ring. }
  assert (L : (length r <= 2 * m)%nat).
  { pose proof (mul_length (derivative q) p). pose proof (derivative_length q). unfold r. lia. }
  rewrite <- (RInt_ext (polynomial r)) by (intros; apply E). rewrite <- Hr by auto.
  unfold spectral_sum, quadrature. apply sumR_ext. intros l Hl.
  rewrite E, <- (is_derive_unique _ _ _ (Hd q Hq l ltac:(lia))). ring.
Qed.
