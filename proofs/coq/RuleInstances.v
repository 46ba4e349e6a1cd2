(** Can the premises of the theorems on the existence of integrals and the order of quadrature rules be met? *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Existence QuadratureOrder Spectral SecantExact SumInstances.
Open Scope R_scope.

Lemma jump_variation : variation_le jump 0 1 (jump 1 - jump 0).
Proof.
  apply monotone_variation. intros s t H. unfold jump. destruct (Rle_dec (/ 2) s), (Rle_dec (/ 2) t); lra.
Qed.

Example continuous_integrand_instance : exists I, is_stieltjes (fun t => t) jump 0 1 I.
Proof. apply (continuous_integrand _ _ 0 1 _ Rle_0_1) with (2 := jump_variation). intros; apply continuous_id. Qed.

Example continuous_integrator_instance : exists I, is_stieltjes jump (fun t => t) 0 1 I.
Proof. apply (continuous_integrator _ _ 0 1 _ Rle_0_1 jump_variation). intros; apply continuous_id. Qed.

Example stieltjes_parts_instance : exists I, is_stieltjes jump (fun t => t) 0 1 I.
Proof. destruct continuous_integrand_instance as (I & H). eexists. apply (stieltjes_parts _ _ _ _ _ H). Qed.

Example left_right_order_instance :
  Rabs (quadrature 8 (left_node 8) (uniform_weight 8) (fun t => t ^ 2) - RInt (fun t => t ^ 2) 0 1) <= 2 / (2 * INR 8).
Proof.
  apply (left_right_order (fun t => t ^ 2) (fun t => 2 * t)); [intros; auto_derive; auto; ring | lia |].
  intros t Ht. rewrite Rabs_pos_eq; lra.
Qed.

Example midpoint_trapezoid_order_instance :
  Rabs (quadrature 8 (midpoint_node 8) (uniform_weight 8) (fun t => t ^ 2) - RInt (fun t => t ^ 2) 0 1)
    <= 2 / (24 * INR 8 ^ 2).
Proof.
  apply (midpoint_trapezoid_order (fun t => t ^ 2) (fun t => 2 * t)) with (f2 := fun _ => 2);
    try (intros; auto_derive; auto; ring); [lia|]. intros t _. rewrite Rabs_pos_eq; lra.
Qed.

Example simpson_order_instance :
  Rabs (simpson 8 (fun t => t ^ 4) - RInt (fun t => t ^ 4) 0 1) <= 24 / (2880 * INR 8 ^ 4).
Proof.
  apply (simpson_order (fun t => t ^ 4) (fun t => 4 * t ^ 3)) with (f2 := fun t => 12 * t ^ 2)
    (f3 := fun t => 24 * t) (f4 := fun _ => 24); try (intros; auto_derive; auto; ring); [lia|].
  intros t _. rewrite Rabs_pos_eq; lra.
Qed.

Lemma constant_integral (c : R) : RInt (fun _ : R => c) 0 1 = c.
Proof. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring. Qed.

Lemma centred_integral : RInt (fun s => 1 * (s - / 2)) 0 1 = 0.
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  replace 0 with (minus ((1 - / 2) ^ 2 / 2) ((0 - / 2) ^ 2 / 2)) at 2 by (unfold minus, plus, opp; simpl; field).
  apply (@is_RInt_derive R_CompleteNormedModule (fun s => (s - / 2) ^ 2 / 2)).
  - intros s _. auto_derive; auto; field.
  - intros s _. apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => 1 * (s - / 2))). auto_derive. auto.
Qed.

Ltac over_R := match goal with |- @eq _ ?u ?v => change (@eq R u v) end.

(** The midpoint rule is Gauss's with one node. *)
Example gauss_exact_instance a b : quadrature 1 (fun _ => / 2) (fun _ => 1) (polynomial (cons a (cons b nil)))
  = RInt (polynomial (cons a (cons b nil))) 0 1.
Proof.
  apply gauss_exact; [| |simpl; lia].
  - intros [|c [|d r]] H; simpl in H; try lia; unfold quadrature; simpl.
    + rewrite constant_integral. ring.
    + rewrite (RInt_ext _ (fun _ => c)) by (intros; over_R; ring). rewrite constant_integral. field.
  - intros [|c [|d q]] H; simpl in H; try lia; simpl.
    + rewrite (RInt_ext _ (fun _ => 0)) by (intros; over_R; ring). apply constant_integral.
    + rewrite (RInt_ext _ (fun s => scal c (1 * (s - / 2))))
        by (intros; over_R; unfold scal; simpl; unfold mult; simpl; ring).
      rewrite (@RInt_scal R_CompleteNormedModule).
      * rewrite centred_integral. apply Rmult_0_r.
      * apply (@ex_RInt_continuous R_CompleteNormedModule). intros s _.
        apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => 1 * (s - / 2))). auto_derive. auto.
Qed.

(** Two nodes, 0 and 1: the differentiation matrix has the rows (-1, 1), and the trapezoid is exact to degree 1. *)
Example spectral_exact_instance a b c d :
  spectral_sum 1 (fun _ => / 2) (fun _ j => match j with O => -1 | _ => 1 end)
    (fun l => polynomial (cons a (cons b nil)) (INR l)) (fun l => polynomial (cons c (cons d nil)) (INR l))
  = RInt (fun s => polynomial (cons a (cons b nil)) s * Derive (polynomial (cons c (cons d nil))) s) 0 1.
Proof.
  apply spectral_exact; try (simpl; lia).
  - intros [|u [|v [|w p]]] H l Hl; simpl in H; try lia; simpl; auto_derive; auto; ring.
  - intros [|u [|v [|w r]]] H; simpl in H; try lia; unfold quadrature; simpl.
    + rewrite constant_integral. ring.
    + rewrite (RInt_ext _ (fun _ => u)) by (intros; over_R; ring). rewrite constant_integral. field.
    + symmetry. over_R. apply (@is_RInt_unique R_CompleteNormedModule).
      match goal with |- is_RInt _ _ _ ?x => replace x with (minus (u * 1 + v * (1 ^ 2 / 2)) (u * 0 + v * (0 ^ 2 / 2)))
        by (unfold minus, plus, opp; simpl; field) end.
      apply (@is_RInt_derive R_CompleteNormedModule (fun s => u * s + v * (s ^ 2 / 2))).
      * intros s _. auto_derive; auto; field.
      * intros s _. apply (polynomial_continuous (cons u (cons v nil)) s).
Qed.

Example single_kink_exact_instance :
  multiplier (Relu 0 (Var 0)) 0 (fun _ => -1) vone = RInt (fun t => grad (Relu 0 (Var 0)) 0 (segment (fun _ => -1) vone
      t)) 0 1.
Proof. apply single_kink_exact. apply one_here. constructor. Qed.
