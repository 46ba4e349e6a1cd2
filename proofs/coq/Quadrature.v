(** How far is a quadrature rule from the integral, and what does it do on affine models and on powers? *)
From Coq Require Import Reals Lra Lia Arith Classical.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums StieltjesError.
Open Scope R_scope.

Lemma variation_cells f a b V n (c p q : nat -> R) :
  variation_le f a b V -> a <= c O -> c n <= b ->
  (forall l, (l < n)%nat -> c l <= p l <= c (S l) /\ c l <= q l <= c (S l)) ->
  sumR n (fun l => Rabs (f (p l) - f (q l))) <= V.
Proof.
  intros HV Ha Hb H.
  assert (G : forall k, (k <= n)%nat -> exists m u,
    (forall l, (l < m)%nat -> u l <= u (S l)) /\ c O <= u O /\ u m <= c k /\
    sumR k (fun l => Rabs (f (p l) - f (q l))) <= sumR m (fun l => Rabs (f (u (S l)) - f (u l)))).
  { induction k; intros Hk.
    - exists O, (fun _ => c O). split; [intros; lia|]. simpl. lra.
    - destruct (IHk ltac:(lia)) as (m & u & U1 & U2 & U3 & U4).
      destruct (H k Hk) as [Hp Hq].
      set (lo := Rmin (p k) (q k)). set (hi := Rmax (p k) (q k)).
      assert (Hlh : c k <= lo <= hi /\ hi <= c (S k)).
      { unfold lo, hi, Rmin, Rmax. destruct (Rle_dec (p k) (q k)); lra. }
      assert (Hf : Rabs (f (p k) - f (q k)) = Rabs (f hi - f lo)).
      { unfold lo, hi, Rmin, Rmax. destruct (Rle_dec (p k) (q k)); [apply Rabs_minus_sym | reflexivity]. }
      set (v := fun l => if Nat.leb l m then u l else if Nat.eqb l (S m) then lo else hi).
      assert (V1 : forall l, (l <= m)%nat -> v l = u l).
      { intros l Hl. unfold v. apply Nat.leb_le in Hl. rewrite Hl. reflexivity. }
      assert (V2 : v (S m) = lo).
      { unfold v. rewrite (proj2 (Nat.leb_gt (S m) m)), Nat.eqb_refl by lia. reflexivity. }
      assert (V3 : v (S (S m)) = hi).
      { unfold v. rewrite (proj2 (Nat.leb_gt (S (S m)) m)), (proj2 (Nat.eqb_neq (S (S m)) (S m))) by lia. reflexivity. }
      exists (S (S m)), v. split; [|split; [|split]].
      + intros l Hl. destruct (Nat.eq_dec l (S m)) as [->|]; [rewrite V2, V3; lra|].
        destruct (Nat.eq_dec l m) as [->|]; [rewrite V1, V2 by lia; lra|].
        rewrite !V1 by lia. apply U1. lia.
      + rewrite V1 by lia. auto.
      + rewrite V3. lra.
      + simpl. rewrite V2, V3, V1, Hf by lia.
        rewrite (sumR_ext m _ (fun l => Rabs (f (u (S l)) - f (u l)))) by (intros; rewrite !V1 by lia; reflexivity).
        pose proof (Rabs_pos (f lo - f (u m))). lra. }
  destruct (G n (le_n n)) as (m & u & U1 & U2 & U3 & U4).
  eapply Rle_trans; [exact U4|]. apply HV; auto; lra.
Qed.

(** The integral over a cell is near the cell's width times the value at any of its points. *)
Lemma cell_mean f a b t eps : a < b -> a <= t <= b -> 0 < eps -> ex_RInt f a b ->
  exists u, a <= u <= b /\ Rabs ((b - a) * f t - RInt f a b) <= (b - a) * (Rabs (f t - f u) + eps).
Proof.
  intros Hab Ht Heps Hex. apply NNPP. intros Hno.
  set (D := Rabs ((b - a) * f t - RInt f a b)) in *.
  assert (Hu : forall u, a <= u <= b -> Rabs (f t - f u) <= D / (b - a) - eps).
  { intros u Hu. apply Rnot_lt_le. intros Hlt. apply Hno. exists u. split; auto.
    apply (Rmult_lt_compat_l (b - a)) in Hlt; [|lra].
    replace ((b - a) * (D / (b - a) - eps)) with (D - (b - a) * eps) in Hlt by (field; lra). lra. }
  assert (E : RInt (fun u => f t - f u) a b = (b - a) * f t - RInt f a b).
  { apply (@is_RInt_unique R_CompleteNormedModule).
    apply (@is_RInt_minus R_NormedModule (fun _ => f t) f).
    - apply (@is_RInt_const R_NormedModule).
    - apply (@RInt_correct R_CompleteNormedModule). auto. }
  assert (K : Rabs (RInt (fun u => f t - f u) a b) <= (b - a) * (D / (b - a) - eps)).
  { apply abs_RInt_le_const; auto; try lra.
    apply (@ex_RInt_minus R_NormedModule (fun _ => f t) f); auto. apply ex_RInt_const. }
  rewrite E in K. fold D in K.
  replace ((b - a) * (D / (b - a) - eps)) with (D - (b - a) * eps) in K by (field; lra).
  assert (0 < (b - a) * eps) by (apply Rmult_lt_0_compat; lra). lra.
Qed.

(** QUAD.variation_bound *)
Theorem variation_bound n t w f V M :
  interlacing n t w -> variation_le f 0 1 V -> ex_RInt f 0 1 -> (forall l, (l < n)%nat -> w l <= M) ->
  Rabs (quadrature n t w f - RInt f 0 1) <= V * M.
Proof.
  intros [Hw1 Hw] HV Hex HM.
  set (c := fun l => sumR l w).
  assert (Hc : forall l, c (S l) - c l = w l) by (intros; unfold c; simpl; ring).
  assert (c0 : c O = 0) by reflexivity. assert (c1 : c n = 1) by (unfold c; auto).
  assert (Hinc : forall l, (l < n)%nat -> c l <= c (S l)).
  { intros l Hl. pose proof (Hc l). destruct (Hw l Hl). lra. }
  destruct (RInt_cells f n c Hinc) as [Ecell Esum]; [rewrite c0, c1; auto|]. rewrite c0, c1 in Esum.
  apply le_epsilon. intros eps Heps.
  assert (Hu : exists u, forall l, (l < n)%nat -> c l <= u l <= c (S l) /\
    Rabs (w l * f (t l) - RInt f (c l) (c (S l))) <= w l * (Rabs (f (t l) - f (u l)) + eps)).
  { apply (finite_choice n (fun l v => c l <= v <= c (S l) /\
      Rabs (w l * f (t l) - RInt f (c l) (c (S l))) <= w l * (Rabs (f (t l) - f v) + eps))).
    intros l Hl. destruct (Hw l Hl) as [Hp Ht]. pose proof (Hc l) as Hcl.
    destruct (cell_mean f (c l) (c (S l)) (t l) eps) as (v & V1 & V2); auto; try lra.
    exists v. rewrite Hcl in V2. auto. }
  destruct Hu as [u Hu].
  unfold quadrature. rewrite <- Esum, <- sumR_minus.
  eapply Rle_trans; [apply sumR_abs|].
  apply Rle_trans with (sumR n (fun l => M * Rabs (f (t l) - f (u l)) + eps * w l)).
  - apply sumR_le. intros l Hl. destruct (Hu l Hl) as [_ H].
    eapply Rle_trans; [exact H|]. destruct (Hw l Hl) as [Hp _].
    rewrite Rmult_plus_distr_l, (Rmult_comm eps). apply Rplus_le_compat_r.
    apply Rmult_le_compat_r; [apply Rabs_pos|]. auto.
  - rewrite sumR_plus, !sumR_scal, Hw1, Rmult_1_r. apply Rplus_le_compat_r.
    rewrite Rmult_comm. destruct n as [|n0]; [simpl in Hw1; lra|].
    assert (0 <= M) by (destruct (Hw O ltac:(lia)); pose proof (HM O ltac:(lia)); lra).
    apply Rmult_le_compat_r; auto.
    apply (variation_cells f 0 1 V (S n0) c); auto; try lra.
    intros l Hl. destruct (Hu l Hl). destruct (Hw l Hl). auto.
Qed.

Lemma sum_uniform n l : sumR l (uniform_weight n) = INR l / INR n.
Proof. unfold uniform_weight. rewrite sumR_const. reflexivity. Qed.

Lemma uniform_interlacing n t : (0 < n)%nat ->
  (forall l, (l < n)%nat -> INR l / INR n <= t l <= INR (S l) / INR n) -> interlacing n t (uniform_weight n).
Proof.
  intros Hn H. assert (0 < INR n) by (apply lt_0_INR; auto). split.
  - rewrite sum_uniform. field. lra.
  - intros l Hl. rewrite !sum_uniform. split; auto. apply Rinv_0_lt_compat; auto.
Qed.

Lemma sum_trapezoid n l : (0 < n)%nat -> (l < n)%nat ->
  sumR (S l) (trapezoid_weight n) = (INR l + / 2) / INR n.
Proof.
  intros Hn. assert (0 < INR n) by (apply lt_0_INR; auto). induction l; intros Hl.
  - simpl. unfold trapezoid_weight. simpl. field. lra.
  - change (sumR (S (S l)) (trapezoid_weight n)) with (sumR (S l) (trapezoid_weight n) + trapezoid_weight n (S l)).
    rewrite IHl by lia. unfold trapezoid_weight.
    rewrite (proj2 (Nat.eqb_neq (S l) 0)), (proj2 (Nat.eqb_neq (S l) n)) by lia.
    simpl orb. cbv iota. rewrite S_INR. field. lra.
Qed.

(** QUAD.variation_bound *)
Theorem rules_interlace n : (0 < n)%nat ->
  interlacing n (left_node n) (uniform_weight n) /\ interlacing n (right_node n) (uniform_weight n) /\
  interlacing n (midpoint_node n) (uniform_weight n) /\ interlacing (S n) (left_node n) (trapezoid_weight n).
Proof.
  intros Hn. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (Hi : 0 < / INR n) by (apply Rinv_0_lt_compat; auto).
  assert (Hw : forall l, 0 < trapezoid_weight n l).
  { intros l. unfold trapezoid_weight. destruct (orb _ _); auto. apply Rinv_0_lt_compat; lra. }
  assert (L : trapezoid_weight n n = / (2 * INR n)).
  { unfold trapezoid_weight. rewrite Nat.eqb_refl, Bool.orb_true_r. reflexivity. }
  assert (S1 : sumR (S n) (trapezoid_weight n) = 1).
  { destruct n as [|k]; [lia|].
    change (sumR (S k) (trapezoid_weight (S k)) + trapezoid_weight (S k) (S k) = 1).
    rewrite sum_trapezoid, L by lia. rewrite S_INR in *. field. lra. }
  split; [|split; [|split; [|split]]]; [| | |exact S1|].
  1-3: apply uniform_interlacing; auto; intros l _; unfold left_node, right_node, midpoint_node, Rdiv;
    rewrite S_INR; split; apply Rmult_le_compat_r; lra.
  intros l Hl. split; auto. unfold left_node.
  assert (Hlow : sumR l (trapezoid_weight n) <= INR l / INR n).
  { destruct l as [|k]; [simpl; unfold Rdiv; lra|]. rewrite sum_trapezoid by lia. rewrite S_INR.
    unfold Rdiv. apply Rmult_le_compat_r; lra. }
  split; auto. destruct (Nat.eq_dec l n) as [->|Hne].
  - rewrite S1. right. field. lra.
  - rewrite sum_trapezoid by lia. unfold Rdiv. apply Rmult_le_compat_r; lra.
Qed.

(** QUAD.variation_bound *)
Theorem uniform_variation_bound n f V : (0 < n)%nat -> variation_le f 0 1 V -> ex_RInt f 0 1 ->
  Rabs (quadrature n (left_node n) (uniform_weight n) f - RInt f 0 1) <= V / INR n /\
  Rabs (quadrature n (right_node n) (uniform_weight n) f - RInt f 0 1) <= V / INR n /\
  Rabs (quadrature n (midpoint_node n) (uniform_weight n) f - RInt f 0 1) <= V / INR n /\
  Rabs (quadrature (S n) (left_node n) (trapezoid_weight n) f - RInt f 0 1) <= V / INR n.
Proof.
  intros Hn HV Hex. destruct (rules_interlace n Hn) as (A & B & C & D).
  assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (H2 : / (2 * INR n) <= / INR n) by (apply Rinv_le_contravar; lra).
  repeat split; apply variation_bound; auto; intros l _; unfold uniform_weight, trapezoid_weight; try lra.
  destruct (orb _ _); lra.
Qed.

(** QUAD.variation_bound *)
Theorem IG_variation_bound n t w D x x' i V M :
  interlacing n t w -> variation_le (fun s => D i (segment x' x s)) 0 1 V ->
  ex_RInt (fun s => D i (segment x' x s)) 0 1 -> (forall l, (l < n)%nat -> w l <= M) ->
  Rabs (rule_IG n t w D x x' i - IG D x x' i) <= Rabs (x i - x' i) * (V * M).
Proof.
  intros Hi HV Hex HM. unfold rule_IG, IG. rewrite <- Rmult_minus_distr_l, Rabs_mult.
  apply Rmult_le_compat_l; [apply Rabs_pos|]. apply variation_bound; auto.
Qed.

(** QUAD.weights_sum_one: Consistency on affine models, and moments. *)
Theorem weights_sum_one n t w :
  sumR n w = 1 <->
  forall a x x' i, rule_IG n t w (fun k _ => a k) x x' i = IG (fun k _ => a k) x x' i.
Proof.
  assert (E : forall a x x' i, IG (fun k _ => a k) x x' i = (x i - x' i) * a i).
  { intros. unfold IG. rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring. }
  unfold rule_IG, quadrature. split.
  - intros H a x x' i. rewrite E, sumR_scal_r, H. ring.
  - intros H. specialize (H vone vone vzero O). rewrite E, sumR_scal_r in H. unfold vone, vzero in H. lra.
Qed.

(** QUAD.moments *)
Theorem moments n t w i k :
  (forall z, is_partial (fun z => z i ^ S k / INR (S k)) i z (z i ^ k)) /\
  rule_IG n t w (fun j z => if Nat.eqb j i then z i ^ k else 0) vone vzero i = sumR n (fun l => w l * t l ^ k).
Proof.
  split.
  - intros z. unfold is_partial.
    apply (is_derive_ext (fun s => / INR (S k) * s ^ S k)).
    { intros s. rewrite upd_same. unfold Rdiv. apply Rmult_comm. }
    replace (z i ^ k) with (/ INR (S k) * (INR (S k) * 1 * z i ^ pred (S k))).
    + apply is_derive_scal. apply (is_derive_pow (fun s => s)). apply (@is_derive_id R_AbsRing).
    + rewrite Nat.pred_succ. field. apply not_0_INR. lia.
  - unfold rule_IG, quadrature, vone, vzero, segment. rewrite Nat.eqb_refl, Rminus_0_r, Rmult_1_l.
    apply sumR_ext. intros. f_equal. f_equal. ring.
Qed.
