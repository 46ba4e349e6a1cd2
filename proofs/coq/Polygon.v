(** What does a polygon attribute, and why is monotonicity needed for uniqueness?  (UNIQ.not_without_monotonicity) *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness Axioms.
Open Scope R_scope.

Lemma clamp_0 u : u <= 0 -> clamp u = 0.
Proof. intros H. unfold clamp, Rmin, Rmax. destruct (Rle_dec 1 u); [lra|]. destruct (Rle_dec 0 u); lra. Qed.
Lemma clamp_1 u : 1 <= u -> clamp u = 1.
Proof. intros H. unfold clamp, Rmin, Rmax. destruct (Rle_dec 1 u); [|lra]. destruct (Rle_dec 0 1); lra. Qed.
Lemma clamp_id u : 0 <= u <= 1 -> clamp u = u.
Proof.
  intros H. unfold clamp, Rmin, Rmax. destruct (Rle_dec 1 u).
  - destruct (Rle_dec 0 1); lra.
  - destruct (Rle_dec 0 u); lra.
Qed.

Lemma clamp_continuous u : continuous clamp u.
Proof.
  apply continuity_pt_filterlim. intros eps Heps. exists eps. split; auto.
  intros v [_ Hv]. unfold dist in *; simpl in *; unfold R_dist in *.
  eapply Rle_lt_trans; [|exact Hv]. unfold clamp, Rmin, Rmax, Rabs.
  destruct (Rle_dec 1 v), (Rle_dec 1 u); repeat destruct (Rle_dec _ _); repeat destruct (Rcase_abs _); lra.
Qed.

(** On its k-th side the polygon is the segment between the corners. *)
Lemma polygon_side m p k t : (k < m)%nat -> INR k <= INR m * t <= INR k + 1 ->
  polygon m p t = segment (p k) (p (S k)) (INR m * t - INR k).
Proof.
  intros Hk Ht. apply functional_extensionality. intros i. unfold polygon, segment.
  assert (A : forall l, (l <= k)%nat ->
    sumR l (fun j => clamp (INR m * t - INR j) * (p (S j) i - p j i)) = p l i - p O i).
  { induction l; intros Hl; simpl; [ring|]. rewrite IHl by lia. rewrite clamp_1; [ring|].
    apply le_INR in Hl. rewrite S_INR in Hl. lra. }
  assert (B : forall l, (k < l)%nat -> (l <= m)%nat ->
    sumR l (fun j => clamp (INR m * t - INR j) * (p (S j) i - p j i))
    = p k i - p O i + (INR m * t - INR k) * (p (S k) i - p k i)).
  { induction l; intros Hl Hlm; [lia|]. simpl. destruct (Nat.eq_dec k l) as [->|Hkl].
    - rewrite A by lia. rewrite clamp_id by lra. ring.
    - rewrite IHl by lia. rewrite (clamp_0 (INR m * t - INR l)); [ring|].
      assert (S k <= l)%nat as Hs by lia. apply le_INR in Hs. rewrite S_INR in Hs. lra. }
  rewrite B by lia. ring.
Qed.

Lemma dpolygon_side m p k t i : (k < m)%nat -> INR k < INR m * t < INR k + 1 ->
  dpolygon m p t i = INR m * (p (S k) i - p k i).
Proof.
  intros Hk Ht. unfold dpolygon. rewrite (sumR_single m _ k); auto.
  - destruct (Rlt_dec (INR k) (INR m * t)); [|lra]. destruct (Rlt_dec (INR m * t) (INR k + 1)); lra.
  - intros j Hj Hjk. destruct (Rlt_dec (INR j) (INR m * t)) as [H1|H1]; [|ring].
    destruct (Rlt_dec (INR m * t) (INR j + 1)) as [H2|H2]; [|ring]. exfalso.
    destruct (Nat.lt_trichotomy j k) as [H|[H|H]]; try lia;
    assert (Hs : (S j <= k \/ S k <= j)%nat) by lia; destruct Hs as [Hs|Hs];
    apply le_INR in Hs; rewrite S_INR in Hs; lra.
Qed.

(** The attribution of a polygon is the sum of Integrated Gradients over its sides. *)
Lemma polygon_attribution D m p i : (0 < m)%nat ->
  (forall k, (k < m)%nat -> ex_RInt (fun t => D i (segment (p k) (p (S k)) t)) 0 1) ->
  attribution D (polygon m p) (dpolygon m p) i = sumR m (fun k => IG D (p (S k)) (p k) i).
Proof.
  intros Hm Hex. assert (HM : 0 < INR m) by (apply lt_0_INR; auto).
  assert (G : forall k, (k <= m)%nat ->
    is_RInt (fun t => D i (polygon m p t) * dpolygon m p t i) 0 (INR k / INR m)
      (sumR k (fun k => IG D (p (S k)) (p k) i))).
  { induction k; intros Hk.
    - simpl. replace (0 / INR m) with 0 by (field; lra). apply (@is_RInt_point R_NormedModule).
    - simpl sumR. apply (@is_RInt_Chasles R_NormedModule) with (INR k / INR m); [apply IHk; lia|].
      apply is_RInt_ext with (fun t => scal (p (S k) i - p k i)
        (scal (INR m) (D i (segment (p k) (p (S k)) (INR m * t + - INR k))))).
      + intros t Ht.
        assert (Hle : INR k / INR m <= INR (S k) / INR m).
        { unfold Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; auto | apply le_INR; lia]. }
        rewrite Rmin_left, Rmax_right in Ht by auto.
        assert (Ht' : INR k < INR m * t < INR k + 1).
        { destruct Ht as [H1 H2]. rewrite S_INR in H2.
          apply (Rmult_lt_compat_l (INR m)) in H1; auto. apply (Rmult_lt_compat_l (INR m)) in H2; auto.
          replace (INR m * (INR k / INR m)) with (INR k) in H1 by (field; lra).
          replace (INR m * ((INR k + 1) / INR m)) with (INR k + 1) in H2 by (field; lra). lra. }
        rewrite (polygon_side m p k t) by (auto; lra). rewrite (dpolygon_side m p k t i) by auto.
        unfold scal; simpl; unfold mult; simpl. unfold Rminus. ring.
      + unfold IG. apply (@is_RInt_scal R_NormedModule).
        apply (@is_RInt_comp_lin R_NormedModule (fun t => D i (segment (p k) (p (S k)) t)) (INR m) (- INR k)).
        replace (INR m * (INR k / INR m) + - INR k) with 0 by (field; lra).
        replace (INR m * (INR (S k) / INR m) + - INR k) with 1 by (rewrite S_INR; field; lra).
        apply (@RInt_correct R_CompleteNormedModule). apply Hex. lia. }
  unfold attribution. apply (@is_RInt_unique R_CompleteNormedModule).
  specialize (G m (le_n m)). replace (INR m / INR m) with 1 in G by (field; lra). exact G.
Qed.

(** A polygon is a path in the sense of Spec.v. *)
Lemma polygon_path n m p : (0 < m)%nat ->
  path_off n (fun t => exists k, t = INR k / INR m) (polygon m p) (dpolygon m p).
Proof.
  intros Hm. assert (HM : 0 < INR m) by (apply lt_0_INR; auto). split.
  { exists (fun k => INR k / INR m). auto. }
  intros i Hi. split.
  - intros t _. unfold polygon. apply (@continuous_plus _ R_AbsRing R_NormedModule); [apply continuous_const|].
    assert (A : forall l, continuous (fun s : R =>
      sumR l (fun k => clamp (INR m * s - INR k) * (p (S k) i - p k i))) t).
    { induction l; simpl; [apply continuous_const|].
      apply (@continuous_plus _ R_AbsRing R_NormedModule); auto.
      apply (@continuous_mult _ R_AbsRing); [|apply continuous_const].
      apply (continuous_comp (fun s => INR m * s - INR l) clamp); [|apply clamp_continuous].
      apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto. }
    apply A.
  - intros t Ht Hn.
    destruct (nfloor_ex (INR m * t)) as [k [Hk1 Hk2]]; [apply Rmult_le_pos; lra|].
    assert (Hne : INR k <> INR m * t).
    { intros E. apply Hn. exists k. apply (Rmult_eq_reg_l (INR m)); [|lra]. rewrite <- E. field; lra. }
    assert (Hkm : (k < m)%nat).
    { apply INR_lt. apply Rle_lt_trans with (INR m * t); [lra|]. rewrite <- (Rmult_1_r (INR m)) at 2.
      apply Rmult_lt_compat_l; lra. }
    rewrite (dpolygon_side m p k t i) by (auto; lra).
    apply (is_derive_ext_loc (fun s => segment (p k) (p (S k)) (INR m * s - INR k) i)).
    + set (d := Rmin (INR m * t - INR k) (INR k + 1 - INR m * t) / INR m).
      assert (Hd : 0 < d).
      { apply Rdiv_lt_0_compat; auto. apply Rmin_pos; lra. }
      exists (mkposreal d Hd). intros s Hs.
      unfold ball in Hs; simpl in Hs; unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_lt_between in Hs. rewrite (polygon_side m p k s); auto.
      assert (E : INR m * d = Rmin (INR m * t - INR k) (INR k + 1 - INR m * t)) by (unfold d; field; lra).
      pose proof (Rmin_l (INR m * t - INR k) (INR k + 1 - INR m * t)).
      pose proof (Rmin_r (INR m * t - INR k) (INR k + 1 - INR m * t)).
      assert (- (INR m * d) < INR m * (s + - t) < INR m * d).
      { split; [rewrite Ropp_mult_distr_r|]; apply Rmult_lt_compat_l; lra. }
      lra.
    + unfold segment. auto_derive; auto. ring.
Qed.

(** Exchanging two coordinates of a segment exchanges what a symmetric function attributes to them. *)
Lemma swapped_gradient F D z : on_Rn 2 F -> symmetric 0 1 F -> (forall p, C1_at 2 F D p) ->
  D 0%nat (swap 0 1 z) = D 1%nat z /\ D 1%nat (swap 0 1 z) = D 0%nat z.
Proof.
  intros Hn HS HC.
  assert (P : forall p k, (k < 2)%nat -> is_partial F k p (D k p)) by (intros; apply (C1_partial 2); auto).
  pose proof (P (swap 0 1 z) 0%nat ltac:(lia)) as A0. pose proof (P (swap 0 1 z) 1%nat ltac:(lia)) as A1.
  pose proof (P z 0%nat ltac:(lia)) as B0. pose proof (P z 1%nat ltac:(lia)) as B1.
  unfold is_partial in *.
  rewrite <- (is_derive_unique _ _ _ A0), <- (is_derive_unique _ _ _ A1).
  rewrite <- (is_derive_unique _ _ _ B0), <- (is_derive_unique _ _ _ B1).
  split; unfold swap at 2; simpl; apply Derive_ext; intros s; rewrite <- HS; apply Hn;
  intros [|[|k]] Hk; unfold upd, swap; simpl; auto; lia.
Qed.

Lemma swapped_segment F D p q p' q' : on_Rn 2 F -> symmetric 0 1 F -> (forall z, C1_at 2 F D z) ->
  (p' 0%nat = p 1%nat /\ p' 1%nat = p 0%nat) -> (q' 0%nat = q 1%nat /\ q' 1%nat = q 0%nat) ->
  IG D q' p' 0 = IG D q p 1 /\ IG D q' p' 1 = IG D q p 0.
Proof.
  intros Hn HS HC [P0 P1] [Q0 Q1]. unfold IG. rewrite P0, P1, Q0, Q1.
  assert (E : forall k t, (k < 2)%nat -> D k (segment p' q' t) = D k (swap 0 1 (segment p q t))).
  { intros k t Hk. apply (C1_on_Rn 2 F); auto. intros [|[|i]] Hi; unfold segment, swap; simpl; try lia.
    - rewrite P0, Q0. reflexivity.
    - rewrite P1, Q1. reflexivity. }
  split; f_equal; apply RInt_ext; intros t _; rewrite E by lia; apply (swapped_gradient F D); auto.
Qed.

(** The canonical family of the two loops, corner by corner. *)
Definition corner (x' x : point) (k : nat) : point := fun i => x' i + (x i - x' i) * two_loops k i.

Lemma canonical_polygon x' x : canonical (polygon 10 two_loops) x' x = polygon 10 (corner x' x).
Proof.
  apply functional_extensionality. intros t. apply functional_extensionality. intros i.
  unfold canonical, polygon, corner. rewrite Rmult_plus_distr_l, <- sumR_scal, Rplus_assoc. f_equal. f_equal.
  apply sumR_ext. intros; ring.
Qed.

Lemma canonical_dpolygon x' x : canonical_derivative (dpolygon 10 two_loops) x' x = dpolygon 10 (corner x' x).
Proof.
  apply functional_extensionality. intros t. apply functional_extensionality. intros i.
  unfold canonical_derivative, dpolygon, corner. rewrite <- sumR_scal. apply sumR_ext. intros; ring.
Qed.

(** The two loops preserve symmetry between any two points. *)
Lemma two_loops_symmetric : preserves_symmetry 2 (canonical (polygon 10 two_loops))
  (canonical_derivative (dpolygon 10 two_loops)).
Proof.
  assert (G : forall F D x x', x 0%nat = x 1%nat -> x' 0%nat = x' 1%nat ->
    on_Rn 2 F -> symmetric 0 1 F -> (forall p, C1_at 2 F D p) ->
    attribution D (polygon 10 (corner x' x)) (dpolygon 10 (corner x' x)) 0
    = attribution D (polygon 10 (corner x' x)) (dpolygon 10 (corner x' x)) 1).
  { intros F D x x' Hx Hx' Hn HS HC.
    assert (Hex : forall i, (i < 2)%nat -> forall k,
      ex_RInt (fun t => D i (segment (corner x' x k) (corner x' x (S k)) t)) 0 1).
    { intros i Hi k. apply (C1_segment_integrable 2 F); auto. }
    rewrite !polygon_attribution by (intros; auto; lia).
    assert (M : forall k l,
      two_loops l 0%nat = two_loops k 1%nat -> two_loops l 1%nat = two_loops k 0%nat ->
      two_loops (S l) 0%nat = two_loops (S k) 1%nat -> two_loops (S l) 1%nat = two_loops (S k) 0%nat ->
      IG D (corner x' x (S l)) (corner x' x l) 0 = IG D (corner x' x (S k)) (corner x' x k) 1 /\
      IG D (corner x' x (S l)) (corner x' x l) 1 = IG D (corner x' x (S k)) (corner x' x k) 0).
    { intros k l H1 H2 H3 H4. apply (swapped_segment F D); auto; unfold corner;
      rewrite ?H1, ?H2, ?H3, ?H4, Hx, Hx'; auto. }
    destruct (M 0%nat 0%nat) as [A0 _]; auto. destruct (M 9%nat 9%nat) as [A9 _]; auto.
    destruct (M 1%nat 5%nat) as [A1 B1]; auto. destruct (M 2%nat 6%nat) as [A2 B2]; auto.
    destruct (M 3%nat 7%nat) as [A3 B3]; auto. destruct (M 4%nat 8%nat) as [A4 B4]; auto.
    simpl sumR. lra. }
  intros i j F D x x' Hi Hj Hij Hx Hx' Hn HS HC. rewrite canonical_polygon, canonical_dpolygon.
  destruct i as [|[|i]], j as [|[|j]]; try lia.
  - apply (G F); auto.
  - symmetry. apply (G F); auto. intros z. rewrite <- (HS z). apply Hn.
    intros [|[|k]] Hk; unfold swap; simpl; auto; lia.
Qed.

Lemma square_product_C1 p : C1_at 2 square_product Dsquare_product p.
Proof.
  split.
  - exists 1. split; [lra|]. intros z _ i Hi. unfold is_partial, square_product, Dsquare_product, upd.
    destruct i as [|[|i]]; simpl; try lia; auto_derive; auto; ring.
  - intros i Hi. destruct i as [|[|i]]; try lia; unfold Dsquare_product.
    + repeat apply cont_at_times; try apply cont_at_const; apply cont_at_coord; lia.
    + simpl. repeat apply cont_at_times; try apply cont_at_const; apply cont_at_coord; lia.
Qed.

Lemma IG_square_product p q :
  IG Dsquare_product q p 0 = (q 0%nat - p 0%nat) * (2 * p 0%nat * p 1%nat + p 0%nat * (q 1%nat - p 1%nat)
    + p 1%nat * (q 0%nat - p 0%nat) + 2 / 3 * ((q 0%nat - p 0%nat) * (q 1%nat - p 1%nat))) /\
  IG Dsquare_product q p 1 = (q 1%nat - p 1%nat) * (p 0%nat ^ 2 + p 0%nat * (q 0%nat - p 0%nat)
    + (q 0%nat - p 0%nat) ^ 2 / 3).
Proof.
  unfold IG. set (a := p 0%nat). set (b := p 1%nat). set (c := q 0%nat - a). set (d := q 1%nat - b).
  split; f_equal; apply (@is_RInt_unique R_CompleteNormedModule).
  - apply is_RInt_ext with (fun t => 2 * (a + t * c) * (b + t * d)); [reflexivity|].
    set (P := fun t => 2 * (a * b * t + (a * d + b * c) * t ^ 2 / 2 + c * d * t ^ 3 / 3)).
    replace (2 * a * b + a * d + b * c + 2 / 3 * (c * d)) with (minus (P 1) (P 0))
      by (unfold P, minus, plus, opp; simpl; field).
    apply (@is_RInt_derive R_CompleteNormedModule P).
    + intros t _. unfold P. auto_derive; auto. field.
    + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
  - apply is_RInt_ext with (fun t => (a + t * c) ^ 2); [reflexivity|].
    set (P := fun t => a ^ 2 * t + a * c * t ^ 2 + c ^ 2 * t ^ 3 / 3).
    replace (a ^ 2 + a * c + c ^ 2 / 3) with (minus (P 1) (P 0))
      by (unfold P, minus, plus, opp; simpl; field).
    apply (@is_RInt_derive R_CompleteNormedModule P).
    + intros t _. unfold P. auto_derive; auto. field.
    + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule). auto_derive; auto.
Qed.

(** UNIQ.not_without_monotonicity *)
Theorem not_without_monotonicity :
  (exists E, path_off 2 E (polygon 10 two_loops) (dpolygon 10 two_loops)) /\
  (forall i, (i < 2)%nat -> polygon 10 two_loops 0 i = 0 /\ polygon 10 two_loops 1 i = 1) /\
  preserves_symmetry 2 (canonical (polygon 10 two_loops)) (canonical_derivative (dpolygon 10 two_loops)) /\
  (forall p, C1_at 2 square_product Dsquare_product p) /\
  attribution Dsquare_product (polygon 10 two_loops) (dpolygon 10 two_loops) 0 = 67 / 96 /\
  attribution Dsquare_product (polygon 10 two_loops) (dpolygon 10 two_loops) 1 = 29 / 96 /\
  IG Dsquare_product vone vzero 0 = 2 / 3 /\ IG Dsquare_product vone vzero 1 = 1 / 3.
Proof.
  assert (Hex : forall i k, (i < 2)%nat ->
    ex_RInt (fun t => Dsquare_product i (segment (two_loops k) (two_loops (S k)) t)) 0 1).
  { intros i k Hi. apply (C1_segment_integrable 2 square_product); auto. intros; apply square_product_C1. }
  split; [eexists; apply polygon_path; lia|].
  split; [|split; [apply two_loops_symmetric|split; [apply square_product_C1|]]].
  { intros i Hi. split.
    - rewrite (polygon_side 10 two_loops 0 0) by (try lia; simpl; lra).
      destruct i as [|[|i]]; unfold segment, two_loops; simpl; try lia; lra.
    - rewrite (polygon_side 10 two_loops 9 1) by (try lia; simpl; lra).
      destruct i as [|[|i]]; unfold segment, two_loops; simpl; try lia; lra. }
  rewrite !polygon_attribution by (intros; try apply Hex; lia). simpl sumR.
  rewrite !(proj1 (IG_square_product _ _)), !(proj2 (IG_square_product _ _)).
  unfold vone, vzero, two_loops. repeat split; field.
Qed.
