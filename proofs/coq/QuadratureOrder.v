(** At which order do quadrature rules converge on smooth integrands, and on which polynomials are they exact? *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Stieltjes Order Exact.
Open Scope R_scope.

Lemma unit_grid n l : (0 < n)%nat -> grid 0 1 n l = left_node n l /\ grid 0 1 n (S l) = right_node n l.
Proof.
  intros Hn. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  unfold grid, left_node, right_node. split; field; lra.
Qed.

Lemma is_derive_continuous (f : R -> R) t l : is_derive f t l -> continuous f t.
Proof. intros H. apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. exact H. Qed.

Section Integral.
Variables f f1 : R -> R.
Hypothesis Hf : forall t, is_derive f t (f1 t).

Lemma integrable a b : ex_RInt f a b.
Proof. apply (@ex_RInt_continuous R_CompleteNormedModule). intros t _. apply (is_derive_continuous f t (f1 t)). auto.
    Qed.

Lemma against_identity a b : RInt (fun t => f t * 1) a b = RInt f a b.
Proof. apply RInt_ext. intros t _. apply Rmult_1_r. Qed.

Lemma id_derive t : is_derive (fun t : R => t) t 1.
Proof. apply (@is_derive_id R_AbsRing). Qed.

Theorem left_right_order M n : (0 < n)%nat -> (forall t, 0 <= t <= 1 -> Rabs (f1 t) <= M) ->
  Rabs (quadrature n (left_node n) (uniform_weight n) f - RInt f 0 1) <= M / (2 * INR n) /\
  Rabs (quadrature n (right_node n) (uniform_weight n) f - RInt f 0 1) <= M / (2 * INR n).
Proof.
  intros Hn HM. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  destruct (first_order f f1 (fun t => t) (fun _ => 1) Hf id_derive (fun t => continuous_const 1 t) M 1 0 1 n Hn)
    as [A B]; try lra; [auto | intros; rewrite Rabs_R1; lra |].
  rewrite against_identity in A, B. replace (M * 1 * (1 - 0) ^ 2 / (2 * INR n)) with (M / (2 * INR n)) in A,
      B by (field; lra).
  rewrite Rabs_minus_sym in A, B. split.
  - replace (quadrature n (left_node n) (uniform_weight n) f)
      with (left_sum n (fun l => f (grid 0 1 n l)) (fun l => grid 0 1 n l)); auto.
    apply sumR_ext. intros l _. rewrite grid_step. destruct (unit_grid n l Hn) as [-> _].
    unfold uniform_weight. field. lra.
  - replace (quadrature n (right_node n) (uniform_weight n) f)
      with (right_sum n (fun l => f (grid 0 1 n l)) (fun l => grid 0 1 n l)); auto.
    apply sumR_ext. intros l _. rewrite grid_step. destruct (unit_grid n l Hn) as [_ ->].
    unfold uniform_weight. field. lra.
Qed.

(** p at m + h and at m - h as functions of h. *)
Lemma forward (p p1 : R -> R) m h : (forall t, is_derive p t (p1 t)) -> is_derive (fun h => p (m + h)) h (p1 (m + h)).
Proof.
  intros Hp. replace (p1 (m + h)) with (scal 1 (p1 (m + h))) by (unfold scal; simpl; unfold mult; simpl; ring).
  apply (is_derive_comp p (fun h => m + h)); auto. auto_derive; auto.
Qed.

Lemma backward (p p1 : R -> R) m h : (forall t, is_derive p t (p1 t)) ->
    is_derive (fun h => p (m - h)) h (- p1 (m - h)).
Proof.
  intros Hp. replace (- p1 (m - h)) with (scal (-1) (p1 (m - h))) by (unfold scal; simpl; unfold mult; simpl; ring).
  apply (is_derive_comp p (fun h => m - h)); auto. auto_derive; auto; ring.
Qed.

Lemma symmetric_sum (p p1 : R -> R) m h : (forall t, is_derive p t (p1 t)) ->
  is_derive (fun h => p (m + h) + p (m - h)) h (p1 (m + h) - p1 (m - h)).
Proof.
  intros Hp. apply (@is_derive_plus R_AbsRing R_NormedModule (fun h => p (m + h)) (fun h => p (m - h)));
    [apply forward | apply backward]; auto.
Qed.

Lemma symmetric_difference (p p1 : R -> R) m h : (forall t, is_derive p t (p1 t)) ->
  is_derive (fun h => p (m + h) - p (m - h)) h (p1 (m + h) + p1 (m - h)).
Proof.
  intros Hp. replace (p1 (m + h) + p1 (m - h)) with (minus (p1 (m + h)) (- p1 (m - h)))
    by (unfold minus, plus, opp; simpl; ring).
  apply (@is_derive_minus R_AbsRing R_NormedModule (fun h => p (m + h)) (fun h => p (m - h)));
    [apply forward | apply backward]; auto.
Qed.

Lemma symmetric_difference_bound (p p1 : R -> R) m H M : (forall t, is_derive p t (p1 t)) -> 0 <= H ->
  (forall t, m - H <= t <= m + H -> Rabs (p1 t) <= M) ->
  forall h, 0 <= h <= H -> Rabs (p (m + h) - p (m - h)) <= 2 * M * (h - 0) ^ 1.
Proof.
  intros Hp HH HM h Hh. replace (2 * M * (h - 0) ^ 1) with (2 * M / INR 1 * (h - 0) ^ 1) by (simpl; field).
  apply (growth (fun h => p (m + h) - p (m - h)) (fun h => p1 (m + h) + p1 (m - h)) (2 * M) 0 H 0); auto.
  - rewrite Rplus_0_r, Rminus_0_r. ring.
  - intros u _. apply symmetric_difference. auto.
  - intros u Hu. simpl. rewrite Rmult_1_r. eapply Rle_trans; [apply Rabs_triang|].
    pose proof (HM (m + u) ltac:(lra)). pose proof (HM (m - u) ltac:(lra)). lra.
Qed.

(** The integral over [m - h, m + h]. *)
Lemma symmetric_integral m h : is_derive (fun h => RInt f (m - h) (m + h)) h (f (m + h) + f (m - h)).
Proof.
  apply (is_derive_ext (fun h => RInt f m (m + h) - RInt f m (m - h))).
  - intros u. rewrite <- (@RInt_Chasles R_CompleteNormedModule f (m - u) m (m + u)) by apply integrable.
    rewrite <- (@opp_RInt_swap R_CompleteNormedModule f m (m - u)) by apply integrable.
    unfold plus, opp; simpl. ring.
  - apply (symmetric_difference (fun t => RInt f m t) f). intros t.
    apply (@is_derive_RInt R_NormedModule f _ m).
    + exists (mkposreal 1 Rlt_0_1). intros y _. apply (@RInt_correct R_CompleteNormedModule). apply integrable.
    + apply (is_derive_continuous f t (f1 t)). auto.
Qed.

Section Second.
Variable f2 : R -> R.
Hypothesis Hf1 : forall t, is_derive f1 t (f2 t).

Lemma midpoint_cell m H M : 0 <= H -> (forall t, m - H <= t <= m + H -> Rabs (f2 t) <= M) ->
  Rabs (RInt f (m - H) (m + H) - 2 * H * f m) <= M / 3 * H ^ 3.
Proof.
  intros HH HM.
  pose proof (symmetric_difference_bound f1 f2 m H M Hf1 HH HM) as B2.
  pose proof (growth (fun h => f (m + h) + f (m - h) - 2 * f m) (fun h => f1 (m + h) - f1 (m - h)) (2 * M) 0 H 1 HH) as
      B1.
  assert (E1 : f (m + 0) + f (m - 0) - 2 * f m = 0) by (rewrite Rplus_0_r, Rminus_0_r; ring).
  specialize (B1 E1). assert (D1 : forall t, 0 <= t <= H ->
    is_derive (fun h => f (m + h) + f (m - h) - 2 * f m) t (f1 (m + t) - f1 (m - t))).
  { intros t _. replace (f1 (m + t) - f1 (m - t)) with (minus (f1 (m + t) - f1 (m - t)) 0)
      by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule (fun h => f (m + h) + f (m - h)) (fun _ => 2 * f m)).
    - apply symmetric_sum. auto.
    - apply (@is_derive_const R_AbsRing R_NormedModule). }
  specialize (B1 D1 B2).
  pose proof (growth (fun h => RInt f (m - h) (m + h) - 2 * h * f m) (fun h => f (m + h) + f (m - h) - 2 * f m)
    (2 * M / INR 2) 0 H 2 HH) as B0.
  replace (M / 3 * H ^ 3) with (2 * M / INR 2 / INR 3 * (H - 0) ^ 3) by (simpl; field).
  apply B0; auto; try lra.
  - rewrite Rminus_0_r, Rplus_0_r, RInt_point. unfold zero; simpl. ring.
  - intros t _. replace (f (m + t) + f (m - t) - 2 * f m) with (minus (f (m + t) + f (m - t)) (2 * f m))
      by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply symmetric_integral | auto_derive; auto; ring].
Qed.

Lemma unit_midpoint n l : (0 < n)%nat ->
  grid 0 1 n l = midpoint_node n l - / (2 * INR n) /\ grid 0 1 n (S l) = midpoint_node n l + / (2 * INR n).
Proof.
  intros Hn. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  unfold grid, midpoint_node. rewrite S_INR. split; field; lra.
Qed.

Theorem midpoint_trapezoid_order M n : (0 < n)%nat -> (forall t, 0 <= t <= 1 -> Rabs (f2 t) <= M) ->
  Rabs (quadrature n (midpoint_node n) (uniform_weight n) f - RInt f 0 1) <= M / (24 * INR n ^ 2) /\
  Rabs (sumR n (fun l => (f (left_node n l) + f (right_node n l)) / (2 * INR n)) - RInt f 0 1) <= M / (12 * INR n ^ 2).
Proof.
  intros Hn HM. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (Hi : 0 < / (2 * INR n)) by (apply Rinv_0_lt_compat; lra). split.
  - rewrite Rabs_minus_sym. replace (M / (24 * INR n ^ 2)) with (INR n * (M / 3 * (/ (2 * INR n)) ^ 3)) by (field; lra).
    apply (sum_of_cells f); auto; try lra; [apply integrable|]. intros l Hl.
    pose proof (grid_in 0 1 n l Hn ltac:(lra) ltac:(lia)) as G1. pose proof (grid_in 0 1 n (S l) Hn ltac:(lra)
        ltac:(lia)) as G2.
    destruct (unit_midpoint n l Hn) as [E1 E2]. rewrite E1, E2 in *.
    replace (uniform_weight n l * f (midpoint_node n l)) with (2 * / (2 * INR n) * f (midpoint_node n l))
      by (unfold uniform_weight; field; lra).
    apply midpoint_cell; [lra|]. intros t Ht. apply HM. lra.
  - assert (H1 : forall t, 0 <= t <= 1 -> Rabs (f1 t) <= Rabs (f1 0) + M).
    { intros t Ht. replace (f1 t) with (f1 0 + (f1 t - f1 0)) by ring. eapply Rle_trans; [apply Rabs_triang|].
      pose proof (difference_bound f1 f2 M 0 1 ltac:(lra) Hf1 HM t Ht) as K.
      assert (0 <= M) by (eapply Rle_trans; [apply Rabs_pos | apply (HM 0); lra]).
      assert (M * (t - 0) <= M * 1) by (apply Rmult_le_compat_l; lra). lra. }
    pose proof (second_order f f1 (fun t => t) (fun _ => 1) Hf id_derive (fun t => continuous_const 1 t) f2 (fun _ => 0)
      Hf1 (fun t => @is_derive_const R_AbsRing R_NormedModule 1 t) (Rabs (f1 0) + M) M 1 0 0 1 n Hn ltac:(lra)) as K.
    rewrite against_identity in K. rewrite Rabs_minus_sym.
    replace (M / (12 * INR n ^ 2)) with (((Rabs (f1 0) + M) * 0 + M * 1) * (1 - 0) ^ 3 / (12 * INR n ^ 2)) by (field;
        lra).
    rewrite (sumR_ext n _ (fun l => (f (grid 0 1 n l) + f (grid 0 1 n (S l))) / 2 * (grid 0 1 n (S l) - grid 0 1 n l))).
    + apply K. intros t Ht. rewrite Rabs_R1, Rabs_R0. repeat split; auto; lra.
    + intros l _. rewrite grid_step. destruct (unit_grid n l Hn) as [-> ->]. field. lra.
Qed.

Section Fourth.
Variables f3 f4 : R -> R.
Hypothesis Hf2 : forall t, is_derive f2 t (f3 t).
Hypothesis Hf3 : forall t, is_derive f3 t (f4 t).

Lemma simpson_cell m H M : 0 <= H -> (forall t, m - H <= t <= m + H -> Rabs (f4 t) <= M) ->
  Rabs (RInt f (m - H) (m + H) - H / 3 * (f (m - H) + 4 * f m + f (m + H))) <= M / 90 * H ^ 5.
Proof.
  intros HH HM.
  set (E0 := fun h => RInt f (m - h) (m + h) - (h / 3 * (f (m + h) + f (m - h)) + 4 * (h / 3 * f m))).
  set (E1 := fun h => 2 / 3 * (f (m + h) + f (m - h)) - 4 / 3 * f m - h / 3 * (f1 (m + h) - f1 (m - h))).
  set (E2 := fun h => / 3 * (f1 (m + h) - f1 (m - h)) - h / 3 * (f2 (m + h) + f2 (m - h))).
  set (E3 := fun h => - (h / 3 * (f3 (m + h) - f3 (m - h)))).
  assert (Hh : forall t, is_derive (fun h => h / 3) t (/ 3)) by (intros; auto_derive; auto; field).
  assert (P : forall (q q1 : R -> R) t, is_derive q t (q1 t) ->
      is_derive (fun h => h / 3 * q h) t (/ 3 * q t + t / 3 * q1 t)).
  { intros q q1 t Hq. apply (product_derive (fun h => h / 3) q); auto. }
  assert (D0 : forall t, is_derive E0 t (E1 t)).
  { intros t. unfold E0, E1. replace (2 / 3 * (f (m + t) + f (m - t)) - 4 / 3 * f m - t / 3 * (f1 (m + t) - f1 (m - t)))
      with (minus (f (m + t) + f (m - t)) (plus (/ 3 * (f (m + t) + f (m - t)) + t / 3 * (f1 (m + t) - f1 (m - t)))
        (4 * (/ 3 * f m)))) by (unfold minus, plus, opp; simpl; field).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply symmetric_integral|].
    apply (@is_derive_plus R_AbsRing R_NormedModule).
    - apply (P (fun h => f (m + h) + f (m - h)) (fun h => f1 (m + h) - f1 (m - h))). apply symmetric_sum. auto.
    - auto_derive; auto; field. }
  assert (D1 : forall t, is_derive E1 t (E2 t)).
  { intros t. unfold E1, E2. replace (/ 3 * (f1 (m + t) - f1 (m - t)) - t / 3 * (f2 (m + t) + f2 (m - t)))
      with (minus (minus (2 / 3 * (f1 (m + t) - f1 (m - t))) 0) (/ 3 * (f1 (m + t) - f1 (m - t)) + t / 3 * (f2 (m + t)
          + f2 (m - t))))
      by (unfold minus, plus, opp; simpl; field).
    apply (@is_derive_minus R_AbsRing R_NormedModule).
    - apply (@is_derive_minus R_AbsRing R_NormedModule (fun h => 2 / 3 * (f (m + h) + f (m - h))) (fun _ => 4 / 3 * f
        m));
        [apply is_derive_scal, symmetric_sum; auto | apply (@is_derive_const R_AbsRing R_NormedModule)].
    - apply (P (fun h => f1 (m + h) - f1 (m - h)) (fun h => f2 (m + h) + f2 (m - h))). apply symmetric_difference.
        auto. }
  assert (D2 : forall t, is_derive E2 t (E3 t)).
  { intros t. unfold E2, E3. replace (- (t / 3 * (f3 (m + t) - f3 (m - t))))
      with (minus (/ 3 * (f2 (m + t) + f2 (m - t))) (/ 3 * (f2 (m + t) + f2 (m - t)) + t / 3 * (f3 (m + t) - f3 (m -
          t))))
      by (unfold minus, plus, opp; simpl; field).
    apply (@is_derive_minus R_AbsRing R_NormedModule).
    - apply is_derive_scal, symmetric_difference. auto.
    - apply (P (fun h => f2 (m + h) + f2 (m - h)) (fun h => f3 (m + h) - f3 (m - h))). apply symmetric_sum. auto. }
  assert (B3 : forall t, 0 <= t <= H -> Rabs (E3 t) <= 2 / 3 * M * (t - 0) ^ 2).
  { intros t Ht. unfold E3. rewrite Rabs_Ropp, Rabs_mult, (Rabs_pos_eq (t / 3)) by lra.
    replace (2 / 3 * M * (t - 0) ^ 2) with (t / 3 * (2 * M * (t - 0) ^ 1)) by (simpl; field).
    apply Rmult_le_compat_l; [lra|]. apply (symmetric_difference_bound f3 f4 m H M); auto. }
  assert (Z : E0 0 = 0 /\ E1 0 = 0 /\ E2 0 = 0).
  { unfold E0, E1, E2. rewrite Rplus_0_r, Rminus_0_r, RInt_point. unfold zero; simpl. repeat split; field. }
  destruct Z as (Z0 & Z1 & Z2).
  pose proof (growth E2 E3 _ 0 H 2 HH Z2 (fun t _ => D2 t) B3) as B2.
  pose proof (growth E1 E2 _ 0 H 3 HH Z1 (fun t _ => D1 t) B2) as B1.
  pose proof (growth E0 E1 _ 0 H 4 HH Z0 (fun t _ => D0 t) B1 H ltac:(lra)) as B0.
  replace (M / 90 * H ^ 5) with (2 / 3 * M / INR 3 / INR 4 / INR 5 * (H - 0) ^ 5) by (simpl; field).
  replace (RInt f (m - H) (m + H) - H / 3 * (f (m - H) + 4 * f m + f (m + H))) with (E0 H) by (unfold E0; field).
  exact B0.
Qed.

Theorem simpson_order M n : (0 < n)%nat -> (forall t, 0 <= t <= 1 -> Rabs (f4 t) <= M) ->
  Rabs (simpson n f - RInt f 0 1) <= M / (2880 * INR n ^ 4).
Proof.
  intros Hn HM. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (Hi : 0 < / (2 * INR n)) by (apply Rinv_0_lt_compat; lra).
  rewrite Rabs_minus_sym. replace (M / (2880 * INR n ^ 4)) with (INR n * (M / 90 * (/ (2 * INR n)) ^ 5)) by (field;
      lra).
  apply (sum_of_cells f); auto; try lra; [apply integrable|]. intros l Hl.
  pose proof (grid_in 0 1 n l Hn ltac:(lra) ltac:(lia)) as G1. pose proof (grid_in 0 1 n (S l) Hn ltac:(lra)
      ltac:(lia)) as G2.
  destruct (unit_grid n l Hn) as [F1 F2]. rewrite <- F1, <- F2. 
  destruct (unit_midpoint n l Hn) as [E1 E2]. rewrite E1, E2 in *.
  replace ((f (midpoint_node n l - / (2 * INR n)) + 4 * f (midpoint_node n l) + f (midpoint_node n l + / (2 * INR n)))
      / (6 * INR n))
    with (/ (2 * INR n) / 3 * (f (midpoint_node n l - / (2 * INR n)) + 4 * f (midpoint_node n l) + f (midpoint_node n l
        + / (2 * INR n))))
    by (field; lra).
  apply simpson_cell; [lra|]. intros t Ht. apply HM. lra.
Qed.
End Fourth.
End Second.
End Integral.

(** Polynomials: division by s - a, and by the node polynomial. *)
Lemma divide_root a : forall p, exists c q, length q = pred (length p) /\
  forall s, polynomial p s = c + (s - a) * polynomial q s.
Proof.
  induction p as [|b p IH]; [exists 0, nil; split; auto; intros; simpl; ring|].
  destruct p as [|b' p]; [exists b, nil; split; auto; intros; simpl; ring|].
  destruct IH as (c & q & Hq & E). exists (b + a * c), (cons c q). split; [simpl in *; auto|].
  intros s. change (polynomial (b :: b' :: p) s) with (b + s * polynomial (b' :: p) s). rewrite E. simpl. ring.
Qed.

Lemma node_polynomial_list n t : exists l, length l = S n /\ forall s, node_polynomial n t s = polynomial l s.
Proof.
  induction n as [|n (l & Hl & E)]; [exists (cons 1 nil); split; auto; intros; simpl; ring|].
  exists (add (cons 0 l) (List.map (Rmult (- t n)) l)). split.
  - assert (G : forall (x y : list R), (length y <= length x)%nat -> length (add x y) = length x).
    { induction x as [|u x IH]; intros [|v y] H; simpl in *; auto; try lia. rewrite IH by lia. reflexivity. }
    rewrite G; simpl; rewrite ?List.map_length; lia.
  - intros s. simpl node_polynomial. rewrite E, polynomial_add, polynomial_map. simpl. ring.
Qed.

Lemma add_length : forall x y, length (add x y) = Nat.max (length x) (length y).
Proof. induction x as [|u x IH]; intros [|v y]; simpl; auto. Qed.

Lemma divide n t : forall p, exists r q, (length r <= n)%nat /\ (length q <= length p - n)%nat /\
  forall s, polynomial p s = polynomial r s + node_polynomial n t s * polynomial q s.
Proof.
  intros p. induction n as [|n (r & q & Hr & Hq & E)].
  - exists nil, p. repeat split; simpl; try lia. intros; ring.
  - destruct (divide_root (t n) q) as (c & q' & Hq' & Eq). destruct (node_polynomial_list n t) as (w & Hw & Ew).
    exists (add r (List.map (Rmult c) w)), q'. split; [|split].
    + rewrite add_length, List.map_length, Hw. lia.
    + rewrite Hq'. lia.
    + intros s. rewrite E, Eq, polynomial_add, polynomial_map, <- Ew. simpl. ring.
Qed.

Lemma polynomial_continuous l s : continuous (polynomial l) s.
Proof.
  induction l as [|c l IH]; [apply continuous_const|].
  apply (@continuous_plus _ R_AbsRing R_NormedModule (fun _ => c) (fun s => s * polynomial l s));
      [apply continuous_const|].
  apply (@continuous_mult _ R_AbsRing (fun s => s) (polynomial l)); auto. apply continuous_id.
Qed.

Lemma node_polynomial_root n t l : (l < n)%nat -> node_polynomial n t (t l) = 0.
Proof.
  induction n as [|n IH]; intros Hl; [lia|]. simpl. destruct (Nat.eq_dec l n) as [->|Hne]; [ring|].
  rewrite IH by lia. ring.
Qed.

(** QUAD.order, Gauss: n nodes whose polynomial is orthogonal to every polynomial of degree less than n, with weights
    that are exact below degree n. *)
Theorem gauss_exact n t w :
  (forall r, (length r <= n)%nat -> quadrature n t w (polynomial r) = RInt (polynomial r) 0 1) ->
  (forall q, (length q <= n)%nat -> RInt (fun s => node_polynomial n t s * polynomial q s) 0 1 = 0) ->
  forall p, (length p <= 2 * n)%nat -> quadrature n t w (polynomial p) = RInt (polynomial p) 0 1.
Proof.
  intros Hr Ho p Hp. destruct (divide n t p) as (r & q & Lr & Lq & E).
  assert (Eq : quadrature n t w (polynomial p) = quadrature n t w (polynomial r)).
  { unfold quadrature. apply sumR_ext. intros l Hl. rewrite E, node_polynomial_root by auto. ring. }
  rewrite Eq, Hr by auto. destruct (node_polynomial_list n t) as (o & Lo & Eo).
  assert (I1 : is_RInt (polynomial r) 0 1 (RInt (polynomial r) 0 1)).
  { apply (@RInt_correct R_CompleteNormedModule), (@ex_RInt_continuous R_CompleteNormedModule).
    intros s _. apply polynomial_continuous. }
  assert (I2 : is_RInt (fun s => node_polynomial n t s * polynomial q s) 0 1 0).
  { rewrite <- (Ho q ltac:(lia)) at 2.
    apply (@RInt_correct R_CompleteNormedModule), (@ex_RInt_continuous R_CompleteNormedModule).
    intros s _. apply (@continuous_mult _ R_AbsRing); [|apply polynomial_continuous].
    apply (continuous_ext (polynomial o)); [intros; auto | apply polynomial_continuous]. }
  symmetry. apply (@is_RInt_unique R_CompleteNormedModule).
  apply is_RInt_ext with (fun s => plus (polynomial r s) (node_polynomial n t s * polynomial q s)).
  - intros s _. symmetry. apply E.
  - replace (RInt (polynomial r) 0 1) with (plus (RInt (polynomial r) 0 1) 0) by (unfold plus; simpl; ring).
    apply (@is_RInt_plus R_NormedModule); auto.
Qed.
