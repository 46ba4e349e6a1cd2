(** Which path methods preserve symmetry?  (UNIQ) *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Axioms Neurons.
Open Scope R_scope.

(** A monotone C1 path with equal endpoint coordinates i and j treats i and j alike for every
    symmetric C1 function if and only if the two coordinates agree along the whole path. *)
Theorem symmetric_iff_diagonal n g dg i j :
  i <> j -> (i < n)%nat -> (j < n)%nat ->
  C1_path n g dg -> monotone n dg ->
  g 1 i = g 1 j ->
  ((forall F D, on_Rn n F -> symmetric i j F -> (forall p, C1_at n F D p) ->
      attribution D g dg i = attribution D g dg j)
   <-> (forall t, 0 <= t <= 1 -> g t i = g t j)).
Proof.
  intros Hij Hi Hj Hg Hmono Hend.
  pose proof (fun m Hm t Ht => proj1 (Hg m Hm t Ht)) as Hder.
  pose proof (fun m Hm t Ht => proj2 (Hg m Hm t Ht)) as Hcont. split.
  - intros H. apply (neurons_force_diagonal g dg i j); auto.
    + intros m [->| ->]; auto.
    + intros m [->| ->]; auto.
    + intros m [->| ->]; auto.
    + intros k c Hk. apply (H (neuron i j k c)).
      * apply neuron_Rn; auto.
      * apply neuron_sym.
      * intros p. apply neuron_C1; auto.
  - intros Hd F D Hn HS HC. unfold attribution. apply RInt_ext.
    intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    f_equal.
    + apply (partial_symmetric n F i j (g t)); auto.
      * apply Hd; lra.
      * destruct (HC (g t)) as [(r & Hr & K) _]. apply K; auto.
        intros m _. rewrite Rminus_eq_0, Rabs_R0; auto.
      * destruct (HC (g t)) as [(r & Hr & K) _]. apply K; auto.
        intros m _. rewrite Rminus_eq_0, Rabs_R0; auto.
    + rewrite <- (is_derive_unique _ _ _ (Hder i Hi t ltac:(lra))).
      rewrite <- (is_derive_unique _ _ _ (Hder j Hj t ltac:(lra))).
      apply Derive_ext_loc.
      exists (mkposreal (Rmin t (1 - t)) ltac:(apply Rmin_pos; lra)).
      intros s Hs. unfold ball in Hs; simpl in Hs. unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_lt_between in Hs. pose proof (Rmin_l t (1 - t)). pose proof (Rmin_r t (1 - t)).
      apply Hd. lra.
Qed.

(** UNIQ.monotone_canonical: a canonical family of monotone C1 paths preserves symmetry if and only if it is
    Integrated Gradients; already its path from 0 to 1 decides. *)
Theorem diagonal_equals_IG n c dc :
  C1_path n c dc -> (forall m, (m < n)%nat -> c 0 m = 0) -> (forall m, (m < n)%nat -> c 1 m = 1) ->
  (forall i j, (i < n)%nat -> (j < n)%nat -> forall t, 0 <= t <= 1 -> c t i = c t j) ->
  equals_IG n (canonical c) (canonical_derivative dc).
Proof.
  intros Hc H0 H1 Hdiag F D x x' i Hn HC Hi. unfold attribution, canonical_derivative.
  assert (Hcont : forall t, continuous (fun s => D i (segment x' x s)) t).
  { intros t. apply (cont_path n (D i) (segment x' x)); [apply HC; auto|].
    intros k _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply segment_derive. }
  transitivity ((x i - x' i) * RInt (fun t => D i (segment x' x t)) (c 0 i) (c 1 i)).
  2:{ rewrite H0, H1 by auto. reflexivity. }
  rewrite <- (@RInt_comp R_CompleteNormedModule (fun t => D i (segment x' x t)) (fun s => c s i) (fun s => dc s i)).
  2:{ intros t _. apply Hcont. }
  2:{ intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. apply Hc; auto. }
  assert (Hex : ex_RInt (fun y => scal (dc y i) (D i (segment x' x (c y i)))) 0 1).
  { apply (@ex_RInt_continuous R_CompleteNormedModule). intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    apply (@continuous_mult _ R_AbsRing); [apply Hc; auto|].
    apply (continuous_comp (fun y => c y i) (fun s => D i (segment x' x s))); auto.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply Hc; auto. }
  pose proof (@RInt_scal R_CompleteNormedModule _ 0 1 (x i - x' i) Hex) as Hsc.
  match type of Hsc with _ = ?b => transitivity b; [rewrite <- Hsc | reflexivity] end.
  apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end.
  unfold scal; simpl; unfold mult; simpl.
  replace (D i (canonical c x' x t)) with (D i (segment x' x (c t i))); [ring|].
  apply (C1_on_Rn n F); auto. intros j Hj. unfold segment, canonical. rewrite (Hdiag i j) by (auto; lra). ring.
Qed.

Theorem monotone_canonical n c dc :
  C1_path n c dc -> monotone n dc -> (forall m, (m < n)%nat -> c 0 m = 0) -> (forall m, (m < n)%nat -> c 1 m = 1) ->
  preserves_symmetry n (canonical c) (canonical_derivative dc) <-> equals_IG n (canonical c) (canonical_derivative dc).
Proof.
  intros Hc Hm H0 H1. split.
  - intros Hsym. apply diagonal_equals_IG; auto. intros i j Hi Hj.
    destruct (Nat.eq_dec i j) as [->|Hij]; [auto|].
    apply (symmetric_iff_diagonal n c dc i j); auto.
    { rewrite !H1; auto. }
    intros F D Hn HS HC. specialize (Hsym i j F D vone vzero Hi Hj Hij eq_refl eq_refl Hn HS HC).
    assert (E : forall k, attribution D (canonical c vzero vone) (canonical_derivative dc vzero vone) k
                = attribution D c dc k).
    { intros k. unfold attribution. apply RInt_ext. intros t _.
      replace (canonical c vzero vone t) with (c t).
      - unfold canonical_derivative, vone, vzero.
        match goal with |- @eq _ ?a ?b => change (@eq R a b) end. ring.
      - apply functional_extensionality. intros m. unfold canonical, vone, vzero. ring. }
    rewrite !E in Hsym. auto.
  - intros HIG i j F D x x' Hi Hj Hij Hx Hx' Hn HS HC.
    rewrite !(HIG F D x x') by auto. apply (symmetry n F); auto.
    intros t Ht. split; apply (C1_partial n F D); auto.
Qed.

Lemma product_sym : symmetric 0 1 product.
Proof. intros z. unfold product, swap; simpl. ring. Qed.

Lemma product_partial z i : (i < 2)%nat -> is_partial product i z (Dproduct i z).
Proof.
  intros Hi. unfold is_partial, product, Dproduct, upd.
  destruct i as [|[|i]]; [| |lia]; simpl; auto_derive; auto; ring.
Qed.

Lemma parabola_derive t i : is_derive (fun s => parabola s i) t (dparabola t i).
Proof. destruct i; unfold parabola, dparabola; auto_derive; auto; ring. Qed.

Lemma integral_poly_1 : RInt (fun t => t ^ 2 * 1) 0 1 = 1 / 3.
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  replace (1 / 3) with (minus (1 ^ 3 / 3) (0 ^ 3 / 3)) by (unfold minus, plus, opp; simpl; field).
  apply (@is_RInt_derive R_CompleteNormedModule (fun t => t ^ 3 / 3)).
  - intros t _. auto_derive; auto; field.
  - intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Lemma integral_poly_2 : RInt (fun t => t * (2 * t)) 0 1 = 2 / 3.
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  replace (2 / 3) with (minus (2 * 1 ^ 3 / 3) (2 * 0 ^ 3 / 3)) by (unfold minus, plus, opp; simpl; field).
  apply (@is_RInt_derive R_CompleteNormedModule (fun t => 2 * t ^ 3 / 3)).
  - intros t _. auto_derive; auto; field.
  - intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Lemma integral_poly_3 : RInt (fun t => 0 + t * (1 - 0)) 0 1 = 1 / 2.
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  replace (1 / 2) with (minus (1 ^ 2 / 2) (0 ^ 2 / 2)) by (unfold minus, plus, opp; simpl; field).
  apply (@is_RInt_derive R_CompleteNormedModule (fun t => t ^ 2 / 2)).
  - intros t _. auto_derive; auto; field.
  - intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

(** UNIQ.t_squared *)
Theorem parabola_breaks_symmetry :
  symmetric 0 1 product /\
  (forall z i, (i < 2)%nat -> is_partial product i z (Dproduct i z)) /\
  (forall t i, is_derive (fun s => parabola s i) t (dparabola t i)) /\
  (forall i, parabola 0 i = vzero i) /\ (forall i, parabola 1 i = vone i) /\
  attribution Dproduct parabola dparabola 0 = 1 / 3 /\
  attribution Dproduct parabola dparabola 1 = 2 / 3 /\
  IG Dproduct vone vzero 0 = 1 / 2 /\ IG Dproduct vone vzero 1 = 1 / 2.
Proof.
  split; [exact product_sym|]. split; [exact product_partial|]. split; [exact parabola_derive|].
  split; [intros [|i]; unfold parabola, vzero; simpl; ring|].
  split; [intros [|i]; unfold parabola, vone; simpl; ring|].
  split; [exact integral_poly_1|]. split; [exact integral_poly_2|].
  split; unfold IG, Dproduct, segment, vone, vzero; rewrite integral_poly_3; ring.
Qed.

Lemma parabola_C1 n : C1_path n parabola dparabola.
Proof.
  intros i Hi t Ht. split; [apply parabola_derive|]. destruct i; unfold dparabola.
  - apply continuous_const.
  - apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

Lemma canonical_C1 n c dc x' x : C1_path n c dc -> C1_path n (canonical c x' x) (canonical_derivative dc x' x).
Proof.
  intros H i Hi t Ht. destruct (H i Hi t Ht) as [H1 H2]. unfold canonical, canonical_derivative. split.
  - replace ((x i - x' i) * dc t i) with (0 + (x i - x' i) * dc t i) by ring.
    apply (@is_derive_plus R_AbsRing R_NormedModule); [apply (@is_derive_const R_AbsRing R_NormedModule)|].
    apply is_derive_scal. auto.
  - apply (@continuous_mult _ R_AbsRing); auto. apply continuous_const.
Qed.

Lemma product_C1 p : C1_at 2 product Dproduct p.
Proof.
  split.
  - exists 1. split; [lra|]. intros; apply product_partial; auto.
  - intros i Hi. destruct i as [|[|i]]; try lia; unfold Dproduct; apply cont_at_coord; lia.
Qed.

(** UNIQ.not_without_canonicity: monotone C1 paths between any two points that preserve symmetry and are not
    Integrated Gradients. *)
Theorem not_without_canonicity :
  (forall x' x, C1_path 2 (patched x' x) (dpatched x' x)) /\
  (forall x' x i, patched x' x 0 i = x' i /\ patched x' x 1 i = x i) /\
  (forall x' x t i, 0 <= t <= 1 -> 0 <= (x i - x' i) * dpatched x' x t i) /\
  preserves_symmetry 2 patched dpatched /\ ~ equals_IG 2 patched dpatched.
Proof.
  split; [|split; [|split; [|split]]].
  - intros x' x. unfold patched, dpatched.
    destruct (Req_EM_T (x 0%nat) (x 1%nat)); [destruct (Req_EM_T (x' 0%nat) (x' 1%nat))|].
    + apply segment_C1.
    + apply (canonical_C1 2 parabola dparabola). apply parabola_C1.
    + apply (canonical_C1 2 parabola dparabola). apply parabola_C1.
  - intros x' x i. unfold patched.
    destruct (Req_EM_T (x 0%nat) (x 1%nat)); [destruct (Req_EM_T (x' 0%nat) (x' 1%nat))|];
    unfold segment, canonical, parabola; destruct i; split; ring.
  - intros x' x t i Ht. unfold dpatched.
    destruct (Req_EM_T (x 0%nat) (x 1%nat)); [destruct (Req_EM_T (x' 0%nat) (x' 1%nat))|].
    + apply Rle_0_sqr.
    + unfold canonical_derivative. rewrite <- Rmult_assoc. apply Rmult_le_pos; [apply Rle_0_sqr|].
      unfold dparabola. destruct i; lra.
    + unfold canonical_derivative. rewrite <- Rmult_assoc. apply Rmult_le_pos; [apply Rle_0_sqr|].
      unfold dparabola. destruct i; lra.
  - intros i j F D x x' Hi Hj Hij Hx Hx' Hn HS HC.
    assert (E : x 0%nat = x 1%nat /\ x' 0%nat = x' 1%nat).
    { destruct i as [|[|i]], j as [|[|j]]; try lia; auto. }
    unfold patched, dpatched.
    destruct (Req_EM_T (x 0%nat) (x 1%nat)) as [E1|]; [|tauto].
    destruct (Req_EM_T (x' 0%nat) (x' 1%nat)) as [E2|]; [|tauto].
    assert (A : forall k, (k < 2)%nat ->
      attribution D (fun t => segment x' x t) (fun _ i => x i - x' i) k = IG D x x' k).
    { intros k Hk. apply attribution_segment. apply (C1_segment_integrable 2 F); auto. }
    rewrite !A by auto. apply (symmetry 2 F); auto. intros t Ht. split; apply (C1_partial 2 F); auto.
  - intros H.
    set (x := fun i : nat => match i with O => 1 | _ => 2 end).
    specialize (H product Dproduct x vzero 0%nat). unfold patched, dpatched in H.
    destruct (Req_EM_T (x 0%nat) (x 1%nat)) as [E|_]; [unfold x in E; lra|].
    assert (E : attribution Dproduct (fun t => canonical parabola vzero x t)
      (fun t => canonical_derivative dparabola vzero x t) 0 = 2 / 3).
    { apply (@is_RInt_unique R_CompleteNormedModule).
      apply is_RInt_ext with (fun t => 2 * t ^ 2).
      - intros t _. unfold canonical, canonical_derivative, parabola, dparabola, Dproduct, vzero, x.
        match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
      - replace (2 / 3) with (minus (2 * 1 ^ 3 / 3) (2 * 0 ^ 3 / 3)) by (unfold minus, plus, opp; simpl; field).
        apply (@is_RInt_derive R_CompleteNormedModule (fun t => 2 * t ^ 3 / 3)).
        + intros t _. auto_derive; auto; field.
        + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto. }
    assert (I : IG Dproduct x vzero 0 = 1).
    { unfold IG, x, vzero, Dproduct, segment. rewrite Rminus_0_r, Rmult_1_l.
      apply (@is_RInt_unique R_CompleteNormedModule).
      apply is_RInt_ext with (fun t => 2 * t).
      - intros t _. match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
      - replace 1 with (minus (1 ^ 2) (0 ^ 2)) at 2 by (unfold minus, plus, opp; simpl; ring).
        apply (@is_RInt_derive R_CompleteNormedModule (fun t => t ^ 2)).
        + intros t _. auto_derive; auto; ring.
        + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto. }
    assert (Hn : on_Rn 2 product).
    { intros y z Hyz. unfold product. rewrite !Hyz by lia. reflexivity. }
    specialize (H Hn product_C1 ltac:(lia)). rewrite I in H.
    match type of H with ?l = _ => replace l with (2 / 3) in H end; lra.
Qed.
