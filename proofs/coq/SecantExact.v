(** On which cells do the secant multipliers equal the mean of the gradient?  (SECANT.exact_single_kink) *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Networks Exact.
Open Scope R_scope.

Lemma segment_start e y z : eval e (segment y z 0) = eval e y.
Proof. apply eval_ext. intros k. unfold segment. ring. Qed.
Lemma segment_end e y z : eval e (segment y z 1) = eval e z.
Proof. apply eval_ext. intros k. unfold segment. ring. Qed.

Lemma slope_pos l r c0 u : 0 < u -> slope l r c0 u = r.
Proof. intros H. unfold slope. destruct (Rlt_dec u 0); [lra|]. destruct (Rlt_dec 0 u); [reflexivity | lra]. Qed.
Lemma slope_neg l r c0 u : u < 0 -> slope l r c0 u = l.
Proof. intros H. unfold slope. destruct (Rlt_dec u 0); [reflexivity | lra]. Qed.
Lemma slope_0 l r c0 : slope l r c0 0 = c0.
Proof. unfold slope. destruct (Rlt_dec 0 0); [lra | reflexivity]. Qed.
Lemma kink_pos l r u : 0 <= u -> kink l r u = r * u.
Proof. intros H. unfold kink. destruct (Rlt_dec u 0); [lra | reflexivity]. Qed.
Lemma kink_neg l r u : u <= 0 -> kink l r u = l * u.
Proof.
  intros H. unfold kink. destruct (Rlt_dec u 0); [reflexivity|]. replace u with 0 by lra. ring.
Qed.

(** A unit that keeps its side has one slope s inside the cell, which is its divided difference too. *)
Lemma side_slope y z a l r c0 : keeps_side y z a -> exists s,
  divided_difference (kink l r) (slope l r c0) (eval a y) (eval a z) = s /\
  (forall t, 0 < t < 1 -> slope l r c0 (eval a (segment y z t)) = s) /\
  (forall t, 0 <= t <= 1 -> 0 < t < 1 \/ t = 0 \/ t = 1 ->
     kink l r (eval a (segment y z t)) = s * eval a (segment y z t)).
Proof.
  unfold keeps_side. cbv zeta. rewrite segment_start, segment_end. unfold divided_difference.
  intros [(H & H0 & H1 & H2)|[(H & H0 & H1 & H2)|H]].
  - exists r. split; [|split].
    + destruct (Req_EM_T (eval a y) (eval a z)); [apply slope_pos; lra|]. rewrite !kink_pos by lra. field. lra.
    + intros t Ht. apply slope_pos. auto.
    + intros t _ [Ht|[->| ->]]; apply kink_pos; rewrite ?segment_start, ?segment_end; auto. left; auto.
  - exists l. split; [|split].
    + destruct (Req_EM_T (eval a y) (eval a z)); [apply slope_neg; lra|]. rewrite !kink_neg by lra. field. lra.
    + intros t Ht. apply slope_neg. auto.
    + intros t _ [Ht|[->| ->]]; apply kink_neg; rewrite ?segment_start, ?segment_end; auto. left; auto.
  - pose proof (H 0 ltac:(lra)) as H0. pose proof (H 1 ltac:(lra)) as H1.
    rewrite segment_start in H0. rewrite segment_end in H1. exists c0. split; [|split].
    + rewrite H0, H1. destruct (Req_EM_T 0 0); [apply slope_0 | tauto].
    + intros t Ht. rewrite H by lra. apply slope_0.
    + intros t Ht _. rewrite H by auto. rewrite kink_pos by lra. ring.
Qed.

(** Without a change of sign the network is affine on the cell, with constant gradient and the same multipliers. *)
Lemma still_affine y z e : still y z e -> exists G : nat -> R,
  (forall t, 0 < t < 1 -> forall i, grad e i (segment y z t) = G i) /\
  (forall t, 0 <= t <= 1 -> eval e (segment y z t) = eval e y + t * (eval e z - eval e y)) /\
  (forall i, multiplier e i y z = G i).
Proof.
  induction 1 as [k|c|a b _ (G & A1 & A2 & A3) _ (G' & B1 & B2 & B3)|c a _ (G & A1 & A2 & A3)
                 |l r c0 a _ (G & A1 & A2 & A3) Hs].
  - exists (fun i => if Nat.eqb k i then 1 else 0).
    split; [reflexivity|split; [|reflexivity]]. intros t _. unfold segment. simpl. ring.
  - exists (fun _ => 0). split; [reflexivity|split; [|reflexivity]]. intros t _. simpl. ring.
  - exists (fun i => G i + G' i). split; [|split].
    + intros t Ht i. simpl. rewrite A1, B1; auto.
    + intros t Ht. simpl. rewrite A2, B2 by auto. ring.
    + intros i. simpl. rewrite A3, B3. reflexivity.
  - exists (fun i => c * G i). split; [|split].
    + intros t Ht i. simpl. rewrite A1; auto.
    + intros t Ht. simpl. rewrite A2 by auto. ring.
    + intros i. simpl. rewrite A3. reflexivity.
  - destruct (side_slope y z a l r c0 Hs) as (s & S1 & S2 & S3). exists (fun i => s * G i).
    assert (K : forall t, 0 <= t <= 1 -> kink l r (eval a (segment y z t)) = s * eval a (segment y z t)).
    { intros t Ht. apply S3; auto. destruct (Req_dec t 0); auto. destruct (Req_dec t 1); auto. left. lra. }
    split; [|split].
    + intros t Ht i. simpl. rewrite S2, A1; auto.
    + intros t Ht. simpl. pose proof (K 0 ltac:(lra)) as K0. pose proof (K 1 ltac:(lra)) as K1.
      rewrite segment_start in K0. rewrite segment_end in K1. rewrite K, K0, K1, A2 by auto. ring.
    + intros i. simpl. rewrite S1, A3. reflexivity.
Qed.

Lemma constant_piece (f : R -> R) c a b : a <= b -> (forall t, a < t < b -> f t = c) -> is_RInt f a b ((b - a) * c).
Proof.
  intros Hab H. apply is_RInt_ext with (fun _ => c).
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. symmetry. auto.
  - apply (@is_RInt_const R_NormedModule).
Qed.

(** The mean slope of a kink over an interval is its divided difference. *)
Lemma kink_average l r c0 u v :
  is_RInt (fun t => slope l r c0 (u + t * (v - u))) 0 1 (divided_difference (kink l r) (slope l r c0) u v).
Proof.
  unfold divided_difference. destruct (Req_EM_T u v) as [<-|Hne].
  { replace (slope l r c0 u) with ((1 - 0) * slope l r c0 u) by ring. apply constant_piece; [lra|].
    intros t _. f_equal. ring. }
  assert (W : forall t, u + t * (v - u) = (1 - t) * u + t * v) by (intros; ring).
  assert (P : forall t p q, 0 < t < 1 -> 0 <= p -> 0 <= q -> 0 < p + q -> 0 < (1 - t) * p + t * q).
  { intros t p q Ht Hp Hq Hs. assert (0 <= (1 - t) * p) by (apply Rmult_le_pos; lra).
    assert (0 <= t * q) by (apply Rmult_le_pos; lra).
    destruct (Req_dec p 0) as [->|Hp0]; [assert (0 < t * q) by (apply Rmult_lt_0_compat; lra); lra|].
    assert (0 < (1 - t) * p) by (apply Rmult_lt_0_compat; lra). lra. }
  destruct (Rle_dec 0 u) as [Hu|Hu]; destruct (Rle_dec 0 v) as [Hv|Hv].
  - rewrite !kink_pos by lra. replace ((r * v - r * u) / (v - u)) with ((1 - 0) * r) by (field; lra).
    apply constant_piece; [lra|]. intros t Ht. apply slope_pos. rewrite W. apply P; lra.
  - set (x := u / (u - v)). assert (Ex : x * (u - v) = u) by (unfold x; field; lra).
    assert (Hx : 0 <= x <= 1).
    { split; [apply Rdiv_le_0_compat; lra|]. apply (Rmult_le_reg_r (u - v)); lra. }
    rewrite (kink_pos l r u), (kink_neg l r v) by lra.
    replace ((l * v - r * u) / (v - u)) with (plus ((x - 0) * r) ((1 - x) * l))
      by (unfold plus, x; simpl; field; lra).
    apply (@is_RInt_Chasles R_NormedModule) with x; apply constant_piece; try lra; intros t Ht.
    + apply slope_pos. assert (0 < (x - t) * (u - v)) by (apply Rmult_lt_0_compat; lra). lra.
    + apply slope_neg. assert (0 < (t - x) * (u - v)) by (apply Rmult_lt_0_compat; lra). lra.
  - set (x := u / (u - v)). assert (Ex : x * (u - v) = u) by (unfold x; field; lra).
    assert (Ex' : x = - u / (v - u)) by (unfold x; field; lra).
    assert (Hx : 0 <= x <= 1).
    { split; [rewrite Ex'; apply Rdiv_le_0_compat; lra|]. apply (Rmult_le_reg_r (v - u)); lra. }
    rewrite (kink_neg l r u), (kink_pos l r v) by lra.
    replace ((r * v - l * u) / (v - u)) with (plus ((x - 0) * l) ((1 - x) * r))
      by (unfold plus, x; simpl; field; lra).
    apply (@is_RInt_Chasles R_NormedModule) with x; apply constant_piece; try lra; intros t Ht.
    + apply slope_neg. assert (0 < (x - t) * (v - u)) by (apply Rmult_lt_0_compat; lra). lra.
    + apply slope_pos. assert (0 < (t - x) * (v - u)) by (apply Rmult_lt_0_compat; lra). lra.
  - rewrite !kink_neg by lra. replace ((l * v - l * u) / (v - u)) with ((1 - 0) * l) by (field; lra).
    apply constant_piece; [lra|]. intros t Ht. apply slope_neg. rewrite W.
    pose proof (P t (- u) (- v) Ht ltac:(lra) ltac:(lra) ltac:(lra)). lra.
Qed.

Lemma one_kink_average y z e i : one_kink y z e ->
  is_RInt (fun t => grad e i (segment y z t)) 0 1 (multiplier e i y z).
Proof.
  assert (St : forall e, still y z e -> is_RInt (fun t => grad e i (segment y z t)) 0 1 (multiplier e i y z)).
  { intros e0 H. destruct (still_affine y z e0 H) as (G & A1 & _ & A3). rewrite A3.
    replace (G i) with ((1 - 0) * G i) by ring. apply constant_piece; [lra|]. auto. }
  induction 1 as [e H|a b _ IH Hb|a b Ha _ IH|c a _ IH|l r c0 a _ IH Hs|l r c0 a Ha]; auto.
  - apply (@is_RInt_plus R_NormedModule); auto.
  - apply (@is_RInt_plus R_NormedModule); auto.
  - apply (@is_RInt_scal R_NormedModule). auto.
  - destruct (side_slope y z a l r c0 Hs) as (s & S1 & S2 & _). simpl multiplier. rewrite S1.
    apply is_RInt_ext with (fun t => scal s (grad a i (segment y z t))).
    + intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. simpl grad. rewrite S2 by auto. reflexivity.
    + apply (@is_RInt_scal R_NormedModule). auto.
  - destruct (still_affine y z a Ha) as (G & A1 & A2 & A3). simpl multiplier. rewrite A3.
    apply is_RInt_ext with (fun t => scal (G i) (slope l r c0 (eval a y + t * (eval a z - eval a y)))).
    + intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. simpl grad. rewrite A1, A2 by lra.
      apply Rmult_comm.
    + rewrite Rmult_comm. apply (@is_RInt_scal R_NormedModule). apply kink_average.
Qed.

(** SECANT.exact_single_kink *)
Theorem single_kink_exact y z e i : one_kink y z e ->
  multiplier e i y z = RInt (fun t => grad e i (segment y z t)) 0 1 /\
  (z i - y i) * multiplier e i y z = IG (grad e) z y i.
Proof.
  intros H. pose proof (one_kink_average y z e i H) as K.
  pose proof (@is_RInt_unique R_CompleteNormedModule _ _ _ _ K) as E. unfold IG.
  split; [|f_equal]; symmetry; exact E.
Qed.

(** SECANT.exact_single_kink: two units in series that both change sign. *)
Theorem two_kinks_differ :
  let y := fun k : nat => match k with O => -4 | _ => 1 end in
  let z := fun k : nat => match k with O => 4 | _ => 2 end in
  (z 0%nat - y 0%nat) * multiplier two_in_series 0 y z = 8 / 3 /\
  (z 1%nat - y 1%nat) * multiplier two_in_series 1 y z = - 2 / 3 /\
  IG (grad two_in_series) z y 0 = 16 / 7 /\ IG (grad two_in_series) z y 1 = - 2 / 7.
Proof.
  intros y z.
  assert (K1 : divided_difference (kink 0 1) (slope 0 1 0) (-4) 4 = / 2).
  { unfold divided_difference. destruct (Req_EM_T (-4) 4); [lra|]. rewrite (kink_neg 0 1 (-4)),
      (kink_pos 0 1 4) by lra. field. }
  assert (K2 : divided_difference (kink 0 1) (slope 0 1 0) (-1) 2 = 2 / 3).
  { unfold divided_difference. destruct (Req_EM_T (-1) 2); [lra|]. rewrite (kink_neg 0 1 (-1)),
      (kink_pos 0 1 2) by lra. field. }
  assert (M : forall i, multiplier two_in_series i y z
    = 2 / 3 * (/ 2 * (if Nat.eqb 0 i then 1 else 0) + -1 * (if Nat.eqb 1 i then 1 else 0))).
  { intros i. simpl. unfold y, z. rewrite K1, (kink_neg 0 1 (-4)), (kink_pos 0 1 4) by lra.
    replace (0 * -4 + -1 * 1) with (-1) by ring. replace (1 * 4 + -1 * 2) with 2 by ring. rewrite K2. reflexivity. }
  assert (U : forall t i, grad two_in_series i (segment y z t)
    = slope 0 1 0 (kink 0 1 (-4 + t * 8) + -1 * (1 + t)) * (slope 0 1 0 (-4 + t * 8) * (if Nat.eqb 0 i then 1 else 0)
      + -1 * (if Nat.eqb 1 i then 1 else 0))).
  { intros t i. simpl. unfold segment, y, z. replace (-4 + t * (4 - -4)) with (-4 + t * 8) by ring.
    replace (1 + t * (2 - 1)) with (1 + t) by ring. reflexivity. }
  assert (I : forall i, is_RInt (fun t => grad two_in_series i (segment y z t)) 0 1
    (plus ((5 / 7 - 0) * 0) ((1 - 5 / 7) * ((if Nat.eqb 0 i then 1 else 0) + -1 * (if Nat.eqb 1 i then 1 else 0))))).
  { intros i. apply (@is_RInt_Chasles R_NormedModule) with (5 / 7); apply constant_piece; try lra; intros t Ht;
      rewrite U.
    - rewrite (slope_neg 0 1 0 (kink 0 1 (-4 + t * 8) + -1 * (1 + t))); [ring|].
      destruct (Rle_dec (-4 + t * 8) 0); [rewrite kink_neg | rewrite kink_pos]; lra.
    - rewrite kink_pos, !slope_pos by (rewrite ?kink_pos; lra). ring. }
  assert (IGi : forall i, IG (grad two_in_series) z y i
    = (z i - y i) * (2 / 7 * ((if Nat.eqb 0 i then 1 else 0) + -1 * (if Nat.eqb 1 i then 1 else 0)))).
  { intros i. unfold IG. f_equal. rewrite (@is_RInt_unique R_CompleteNormedModule _ _ _ _ (I i)).
    unfold plus; simpl. field. }
  rewrite !M, !IGi. unfold y, z. simpl. repeat split; field.
Qed.

(** SECANT.exact_single_kink needs an end off the kink: one unit changes sign, the next is negative inside and 0 at both
    ends, where its derivative was set to 1. *)
Theorem dip_differs :
  (forall t, 0 < t < 1 -> eval dip (segment vzero vone t) = 0 /\ grad dip 1 (segment vzero vone t) = 0) /\
  multiplier dip 1 vzero vone = 1.
Proof.
  assert (A : forall t, 0 < t < 1 -> kink (-1) 1 (2 * (0 + t * (1 - 0)) + -1) + -1 + (0 + t * (1 - 0) + -1 * (0 + t *
      (1 - 0))) < 0).
  { intros t Ht. destruct (Rle_dec (2 * (0 + t * (1 - 0)) + -1) 0); [rewrite kink_neg | rewrite kink_pos]; lra. }
  split.
  - intros t Ht. specialize (A t Ht). simpl. unfold segment, vzero, vone.
    rewrite slope_neg, kink_neg by lra. split; ring.
  - simpl. unfold vzero, vone. rewrite (kink_neg (-1) 1 (2 * 0 + -1)), (kink_pos (-1) 1 (2 * 1 + -1)) by lra.
    unfold divided_difference at 1. 
    destruct (Req_EM_T (-1 * (2 * 0 + -1) + -1 + (0 + -1 * 0)) (1 * (2 * 1 + -1) + -1 + (1 + -1 * 1))); [|lra].
    replace (-1 * (2 * 0 + -1) + -1 + (0 + -1 * 0)) with 0 by ring. rewrite slope_0. ring.
Qed.
