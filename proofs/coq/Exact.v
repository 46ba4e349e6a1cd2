(** Which formulas for attributions are exact at every number of cells? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums PiecewiseLinear.
Open Scope R_scope.

Lemma divided_difference_exact f df u v : divided_difference f df u v * (v - u) = f v - f u.
Proof.
  unfold divided_difference. destruct (Req_EM_T u v) as [->|H]; [ring|]. field. lra.
Qed.

Lemma Rmax_abs u v : Rmax u v = (u + v + Rabs (u - v)) / 2.
Proof.
  unfold Rmax. destruct (Rle_dec u v); [rewrite Rabs_left1 | rewrite Rabs_pos_eq]; lra.
Qed.

(** SECANT.completeness: Every program: whatever the activations are, and whatever derivative they are given. *)
Theorem secant_cell n e y z : reads n e ->
  sumR n (fun i => multiplier e i y z * (z i - y i)) = eval e z - eval e y.
Proof.
  induction e as [k|c|a IHa b IHb|c a IHa|a IHa b IHb|f df a IHa|w a IHa b IHb]; simpl; intros H.
  - apply (sum_delta k n (fun i => z i - y i)). auto.
  - rewrite sumR_0; [ring | intros; ring].
  - destruct H. rewrite (sumR_ext n _ (fun i => multiplier a i y z * (z i - y i) + multiplier b i y z * (z i - y i)))
      by (intros; ring). rewrite sumR_plus, IHa, IHb by auto. ring.
  - rewrite (sumR_ext n _ (fun i => c * (multiplier a i y z * (z i - y i)))) by (intros; ring).
    rewrite sumR_scal, IHa by auto. ring.
  - destruct H. set (p := (eval b y + eval b z) / 2). set (q := (eval a y + eval a z) / 2).
    rewrite (sumR_ext n _ (fun i => p * (multiplier a i y z * (z i - y i)) + q * (multiplier b i y z * (z i - y i))))
      by (intros; ring). rewrite sumR_plus, !sumR_scal, IHa, IHb by auto. unfold p, q. field.
  - set (m := divided_difference f df (eval a y) (eval a z)).
    rewrite (sumR_ext n _ (fun i => m * (multiplier a i y z * (z i - y i)))) by (intros; ring).
    rewrite sumR_scal, IHa by auto. apply divided_difference_exact.
  - destruct H. set (m := divided_difference Rabs (fun _ => 2 * w - 1) (eval a y - eval b y) (eval a z - eval b z)).
    rewrite (sumR_ext n _ (fun i => (1 + m) / 2 * (multiplier a i y z * (z i - y i))
      + (1 - m) / 2 * (multiplier b i y z * (z i - y i)))) by (intros; ring).
    rewrite sumR_plus, !sumR_scal, IHa, IHb, !Rmax_abs by auto.
    pose proof (divided_difference_exact Rabs (fun _ => 2 * w - 1) (eval a y - eval b y) (eval a z - eval b z)) as E.
    fold m in E.
    replace ((1 + m) / 2 * (eval a z - eval a y) + (1 - m) / 2 * (eval b z - eval b y))
      with ((eval a z - eval a y + (eval b z - eval b y) + m * (eval a z - eval b z - (eval a y - eval b y))) / 2) by
          field.
    rewrite E. field.
Qed.

(** SECANT.completeness: Any points h 0, .., h m: completeness by telescoping. *)
Theorem secant_completeness n m e (h : nat -> point) : reads n e ->
  sumR n (fun i => sumR m (fun l => multiplier e i (h l) (h (S l)) * (h (S l) i - h l i)))
  = eval e (h m) - eval e (h O).
Proof.
  intros H. rewrite sumR_swap, <- (sumR_telescope m (fun l => eval e (h l))).
  apply sumR_ext. intros l _. apply secant_cell; auto.
Qed.

(** EXACT.piecewise_linear: The gradient is constant inside each of K cells of the segment: IG is a finite sum. *)
Theorem exact_piecewise_linear D x x' i K (t : nat -> R) :
  t O = 0 -> t K = 1 -> (forall k, (k < K)%nat -> t k <= t (S k)) ->
  (forall k, (k < K)%nat -> forall s, t k < s < t (S k) ->
     D i (segment x' x s) = D i (segment x' x ((t k + t (S k)) / 2))) ->
  ex_RInt (fun s => D i (segment x' x s)) 0 1 /\
  IG D x x' i = (x i - x' i) * sumR K (fun k => (t (S k) - t k) * D i (segment x' x ((t k + t (S k)) / 2))).
Proof.
  intros H0 H1 Hinc Hconst.
  assert (G : forall k, (k <= K)%nat -> is_RInt (fun s => D i (segment x' x s)) (t O) (t k)
    (sumR k (fun k => (t (S k) - t k) * D i (segment x' x ((t k + t (S k)) / 2))))).
  { induction k; intros Hk; [apply (@is_RInt_point R_NormedModule)|].
    simpl. apply (@is_RInt_Chasles R_NormedModule) with (t k); [apply IHk; lia|].
    specialize (Hinc k ltac:(lia)).
    apply is_RInt_ext with (fun _ => D i (segment x' x ((t k + t (S k)) / 2))).
    - intros s Hs. rewrite Rmin_left, Rmax_right in Hs by lra. symmetry. apply Hconst; auto.
    - apply (@is_RInt_const R_NormedModule). }
  specialize (G K (le_n K)). rewrite H0, H1 in G. split; [eexists; exact G|].
  unfold IG. f_equal. apply (@is_RInt_unique R_CompleteNormedModule). exact G.
Qed.

(** EXACT.piecewise_linear: The same for a function that is affine near every interior point of a cell, with its own
    partial derivatives. *)
Theorem exact_piecewise_affine n F D x x' i K (t : nat -> R) (a : nat -> point) (b : nat -> R) :
  (i < n)%nat -> t O = 0 -> t K = 1 -> (forall k, (k < K)%nat -> t k < t (S k)) ->
  (forall k, (k < K)%nat -> forall s, t k < s < t (S k) ->
     is_partial F i (segment x' x s) (D i (segment x' x s)) /\
     exists r, 0 < r /\ forall z, near n r (segment x' x s) z -> F z = b k + sumR n (fun j => a k j * z j)) ->
  IG D x x' i = (x i - x' i) * sumR K (fun k => (t (S k) - t k) * a k i).
Proof.
  intros Hi H0 H1 Hinc H.
  assert (E : forall k, (k < K)%nat -> forall s, t k < s < t (S k) -> D i (segment x' x s) = a k i).
  { intros k Hk s Hs. destruct (H k Hk s Hs) as (HD & r & Hr & HF). set (z := segment x' x s) in *.
    unfold is_partial in HD. rewrite <- (is_derive_unique _ _ _ HD). apply is_derive_unique.
    apply (is_derive_ext_loc (fun u => b k + sumR n (fun j => a k j * upd z i u j))).
    - exists (mkposreal r Hr). intros u Hu. symmetry. apply HF. intros j Hj.
      unfold ball in Hu; simpl in Hu; unfold AbsRing_ball, abs, minus, plus, opp in Hu; simpl in Hu.
      destruct (Nat.eq_dec j i) as [->|Hn]; [rewrite upd_same; exact Hu|].
      rewrite upd_other, Rminus_eq_0, Rabs_R0 by auto. auto.
    - replace (a k i) with (0 + sumR n (fun j => a k j * (if Nat.eqb j i then 1 else 0)))
        by (rewrite sumR_delta by auto; ring).
      apply (@is_derive_plus R_AbsRing R_NormedModule); [apply (@is_derive_const R_AbsRing R_NormedModule)|].
      apply (is_derive_sumR n (fun j u => a k j * upd z i u j)). intros j _. apply is_derive_scal, upd_derive. }
  destruct (exact_piecewise_linear D x x' i K t H0 H1) as [_ ->].
  - intros k Hk. left. auto.
  - intros k Hk s Hs. specialize (Hinc k Hk). rewrite !(E k) by (auto; lra). reflexivity.
  - f_equal. apply sumR_ext. intros k Hk. specialize (Hinc k Hk). rewrite (E k) by (auto; lra). reflexivity.
Qed.

(** Rational numbers, and polynomials in t with rational coefficients as lists, lowest degree first. *)
Lemma rational_IZR p : rational (IZR p).
Proof. exists p, xH. field. Qed.

Lemma denominator_pos q : 0 < IZR (Zpos q).
Proof. apply IZR_lt. reflexivity. Qed.

Lemma rational_plus a b : rational a -> rational b -> rational (a + b).
Proof.
  intros (p & q & ->) (r & s & ->). exists (p * Zpos s + r * Zpos q)%Z, (q * s)%positive.
  rewrite Pos2Z.inj_mul, plus_IZR, !mult_IZR.
  pose proof (denominator_pos q). pose proof (denominator_pos s). field. lra.
Qed.

Lemma rational_mult a b : rational a -> rational b -> rational (a * b).
Proof.
  intros (p & q & ->) (r & s & ->). exists (p * r)%Z, (q * s)%positive.
  rewrite Pos2Z.inj_mul, !mult_IZR.
  pose proof (denominator_pos q). pose proof (denominator_pos s). field. lra.
Qed.

Lemma rational_minus a b : rational a -> rational b -> rational (a - b).
Proof.
  intros Ha Hb. replace (a - b) with (a + IZR (-1) * b) by ring.
  apply rational_plus; auto. apply rational_mult; auto. apply rational_IZR.
Qed.

Lemma rational_inverse_S k : rational (/ INR (S k)).
Proof.
  exists 1%Z, (Pos.of_succ_nat k). rewrite Zpos_P_of_succ_nat, <- Nat2Z.inj_succ, <- INR_IZR_INZ.
  unfold Rdiv. ring.
Qed.

Definition rational_list (l : list R) : Prop := forall c, List.In c l -> rational c.

Fixpoint add (l m : list R) : list R :=
  match l, m with
  | nil, m => m
  | l, nil => l
  | cons a l, cons b m => cons (a + b) (add l m)
  end.
Fixpoint mul (l m : list R) : list R :=
  match l with nil => nil | cons a l => add (List.map (Rmult a) m) (cons 0 (mul l m)) end.

Lemma polynomial_add l : forall m t, polynomial (add l m) t = polynomial l t + polynomial m t.
Proof.
  induction l as [|a l IH]; intros [|b m] t; simpl; try ring. rewrite IH. ring.
Qed.

Lemma polynomial_map a m t : polynomial (List.map (Rmult a) m) t = a * polynomial m t.
Proof. induction m as [|b m IH]; simpl; [ring | rewrite IH; ring]. Qed.

Lemma polynomial_mul l m t : polynomial (mul l m) t = polynomial l t * polynomial m t.
Proof. induction l as [|a l IH]; simpl; [ring|]. rewrite polynomial_add, polynomial_map. simpl. rewrite IH. ring. Qed.

Lemma rational_add l : forall m, rational_list l -> rational_list m -> rational_list (add l m).
Proof.
  induction l as [|a l IH]; intros [|b m] Hl Hm; simpl; auto.
  intros c [<-|Hc]; [apply rational_plus; [apply Hl | apply Hm]; left; reflexivity|].
  apply (IH m); auto; intros d Hd; [apply Hl | apply Hm]; right; auto.
Qed.

Lemma rational_mul l m : rational_list l -> rational_list m -> rational_list (mul l m).
Proof.
  intros Hl Hm. induction l as [|a l IH]; simpl; [intros c []|].
  apply rational_add.
  - intros c Hc. apply List.in_map_iff in Hc. destruct Hc as (d & <- & Hd).
    apply rational_mult; [apply Hl; left; reflexivity | auto].
  - intros c [<-|Hc]; [apply (rational_IZR 0)|]. apply IH; auto. intros d Hd. apply Hl. right; auto.
Qed.

Lemma power_integral k : is_RInt (fun t => t ^ k) 0 1 (/ INR (S k)).
Proof.
  assert (HS : INR (S k) <> 0) by (apply not_0_INR; lia).
  replace (/ INR (S k)) with (minus (/ INR (S k) * 1 ^ S k) (/ INR (S k) * 0 ^ S k)).
  - apply (@is_RInt_derive R_CompleteNormedModule (fun t => / INR (S k) * t ^ S k)).
    + intros t _. replace (t ^ k) with (/ INR (S k) * (INR (S k) * 1 * t ^ pred (S k))) by (rewrite Nat.pred_succ;
        field; auto).
      apply is_derive_scal, (is_derive_pow (fun u => u)). apply (@is_derive_id R_AbsRing).
    + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun t => t ^ k)). auto_derive. auto.
  - rewrite pow1, pow_i by lia. unfold minus, plus, opp; simpl. ring.
Qed.

Lemma rational_integral l : rational_list l -> forall k,
  exists v, rational v /\ is_RInt (fun t => t ^ k * polynomial l t) 0 1 v.
Proof.
  induction l as [|c l IH]; intros Hl k.
  - exists 0. split; [apply (rational_IZR 0)|]. simpl.
    apply is_RInt_ext with (fun _ => 0); [intros; simpl; ring|].
    pose proof (@is_RInt_const R_NormedModule 0 1 0) as H. unfold scal in H; simpl in H; unfold mult in H; simpl in H.
    rewrite Rmult_0_r in H. exact H.
  - destruct (IH (fun d Hd => Hl d (or_intror Hd)) (S k)) as (v & Hv & Hint).
    exists (c * / INR (S k) + v). split.
    + apply rational_plus; auto. apply rational_mult; [apply Hl; left; reflexivity | apply rational_inverse_S].
    + apply is_RInt_ext with (fun t => plus (scal c (t ^ k)) (t ^ S k * polynomial l t)).
      * intros t _. unfold plus, scal; simpl; unfold mult; simpl. ring.
      * apply (@is_RInt_plus R_NormedModule); auto. apply (@is_RInt_scal R_NormedModule). apply power_integral.
Qed.

Section Polynomial.
Variables (x x' : point).
Hypothesis Hx : forall k, rational (x k).
Hypothesis Hx' : forall k, rational (x' k).

Lemma eval_polynomial e : rational_polynomial e ->
  exists l, rational_list l /\ forall t, eval e (segment x' x t) = polynomial l t.
Proof.
  induction e; simpl; intros H; try tauto.
  - exists (cons (x' k) (cons (x k - x' k) nil)). split.
    + intros c [<-|[<-|[]]]; auto. apply rational_minus; auto.
    + intros t. unfold segment. simpl. ring.
  - exists (cons c nil). split; [intros d [<-|[]]; auto | intros; simpl; ring].
  - destruct H as [H1 H2]. destruct (IHe1 H1) as (l & A & B). destruct (IHe2 H2) as (m & C & D).
    exists (add l m). split; [apply rational_add; auto | intros; rewrite polynomial_add, B, D; reflexivity].
  - destruct H as [H1 H2]. destruct (IHe H2) as (l & A & B).
    exists (mul (cons c nil) l). split.
    + apply rational_mul; auto. intros d [<-|[]]; auto.
    + intros t. rewrite polynomial_mul, B. simpl. ring.
  - destruct H as [H1 H2]. destruct (IHe1 H1) as (l & A & B). destruct (IHe2 H2) as (m & C & D).
    exists (mul l m). split; [apply rational_mul; auto | intros; rewrite polynomial_mul, B, D; reflexivity].
Qed.

Lemma grad_polynomial e i : rational_polynomial e ->
  exists l, rational_list l /\ forall t, grad e i (segment x' x t) = polynomial l t.
Proof.
  induction e; simpl; intros H; try tauto.
  - exists (cons (if Nat.eqb k i then 1 else 0) nil). split.
    + intros c [<-|[]]. destruct (Nat.eqb k i); [apply (rational_IZR 1) | apply (rational_IZR 0)].
    + intros t. simpl. ring.
  - exists nil. split; [intros d [] | reflexivity].
  - destruct H as [H1 H2]. destruct (IHe1 H1) as (l & A & B). destruct (IHe2 H2) as (m & C & D).
    exists (add l m). split; [apply rational_add; auto | intros; rewrite polynomial_add, B, D; reflexivity].
  - destruct H as [H1 H2]. destruct (IHe H2) as (l & A & B).
    exists (mul (cons c nil) l). split.
    + apply rational_mul; auto. intros d [<-|[]]; auto.
    + intros t. rewrite polynomial_mul, B. simpl. ring.
  - destruct H as [H1 H2]. destruct (IHe1 H1) as (l & A & B). destruct (IHe2 H2) as (m & C & D).
    destruct (eval_polynomial e1 H1) as (p & P1 & P2). destruct (eval_polynomial e2 H2) as (q & Q1 & Q2).
    exists (add (mul l q) (mul p m)). split.
    + apply rational_add; apply rational_mul; auto.
    + intros t. rewrite polynomial_add, !polynomial_mul, B, D, P2, Q2. reflexivity.
Qed.

(** EXACT.polynomial *)
Theorem exact_polynomial e i : rational_polynomial e ->
  ex_RInt (fun t => grad e i (segment x' x t)) 0 1 /\ rational (IG (grad e) x x' i).
Proof.
  intros H. destruct (grad_polynomial e i H) as (l & A & B).
  destruct (rational_integral l A 0) as (v & Hv & Hint).
  assert (K : is_RInt (fun t => grad e i (segment x' x t)) 0 1 v).
  { apply is_RInt_ext with (fun t => t ^ 0 * polynomial l t); auto. intros t _. rewrite B. simpl. ring. }
  split; [eexists; exact K|].
  unfold IG. rewrite (@is_RInt_unique R_CompleteNormedModule _ _ _ _ K).
  apply rational_mult; auto. apply rational_minus; auto.
Qed.
End Polynomial.

(** The premise of the exact formula holds for every piecewise-linear network. *)
Lemma pieces_partition Q a b : pieces Q a b -> exists K t, t O = a /\ t K = b /\
  forall k, (k < K)%nat -> t k < t (S k) /\ Q (t k) (t (S k)).
Proof.
  induction 1 as [a b Hab H|a b c _ (K1 & t1 & A0 & A1 & A2) _ (K2 & t2 & B0 & B1 & B2)].
  - exists 1%nat, (fun k => match k with O => a | _ => b end). split; [auto|split; [auto|]].
    intros k Hk. replace k with O by lia. auto.
  - exists (K1 + K2)%nat, (fun k => if Nat.leb k K1 then t1 k else t2 (k - K1)%nat).
    assert (L : forall k, (k <= K1)%nat -> (if Nat.leb k K1 then t1 k else t2 (k - K1)%nat) = t1 k).
    { intros k Hk. rewrite (proj2 (Nat.leb_le k K1)) by auto. reflexivity. }
    assert (U : forall k, (if Nat.leb (K1 + k) K1 then t1 (K1 + k)%nat else t2 (K1 + k - K1)%nat) = t2 k).
    { intros k. destruct (Nat.leb_spec (K1 + k) K1).
      - assert (k = O) as -> by lia. rewrite Nat.add_0_r, A1, B0. reflexivity.
      - f_equal. lia. }
    split; [rewrite L; auto; lia|]. split; [rewrite U; auto|].
    intros k Hk. destruct (lt_dec k K1) as [Hlt|Hge].
    + rewrite !L by lia. auto.
    + replace k with (K1 + (k - K1))%nat by lia. rewrite <- Nat.add_succ_r, !U. apply B2. lia.
Qed.

(** EXACT.piecewise_linear *)
Theorem exact_network n e x x' : piecewise_linear n e -> exists K t,
  t O = 0 /\ t K = 1 /\ (forall k, (k < K)%nat -> t k < t (S k)) /\
  forall i, (i < n)%nat ->
    IG (grad e) x x' i = (x i - x' i) * sumR K (fun k => (t (S k) - t k) * grad e i (segment x' x ((t k + t (S k)) /
        2))).
Proof.
  intros He. destruct (pieces_partition _ _ _ (net_pieces n x x' e 0 1 He Rlt_0_1)) as (K & t & H0 & H1 & H2).
  exists K, t. split; [auto|split; [auto|split; [intros k Hk; apply H2; auto|]]]. intros i Hi.
  apply exact_piecewise_linear; auto.
  - intros k Hk. left. apply H2; auto.
  - intros k Hk s Hs. destruct (H2 k Hk) as (Hlt & m & c & G & _ & HG). rewrite !HG; auto. lra.
Qed.
