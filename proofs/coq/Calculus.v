(** Which facts on finite sums, partial derivatives and chain rules do the proofs share? *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec.
Open Scope R_scope.

Lemma sumR_ext n f g : (forall i, (i < n)%nat -> f i = g i) -> sumR n f = sumR n g.
Proof.
  induction n; simpl; intros H; auto.
  rewrite IHn by (intros; apply H; lia). rewrite (H n) by lia. reflexivity.
Qed.

Lemma sumR_plus n f g : sumR n (fun i => f i + g i) = sumR n f + sumR n g.
Proof. induction n; simpl; [ring | rewrite IHn; ring]. Qed.

Lemma sumR_scal n c f : sumR n (fun i => c * f i) = c * sumR n f.
Proof. induction n; simpl; [ring | rewrite IHn; ring]. Qed.

Lemma sumR_abs_ge0 n f : 0 <= sumR n (fun i => Rabs (f i)).
Proof. induction n; simpl; [lra|]. pose proof (Rabs_pos (f n)); lra. Qed.

Lemma sumR_abs_ge n f i : (i < n)%nat -> Rabs (f i) <= sumR n (fun i => Rabs (f i)).
Proof.
  induction n; simpl; intros H; [lia|].
  destruct (Nat.eq_dec i n) as [->|Hn].
  - pose proof (sumR_abs_ge0 n f); lra.
  - assert (Rabs (f i) <= sumR n (fun i => Rabs (f i))) by (apply IHn; lia).
    pose proof (Rabs_pos (f n)); lra.
Qed.

Lemma sumR_le n f h : (forall i, (i < n)%nat -> f i <= h i) -> sumR n f <= sumR n h.
Proof.
  induction n; simpl; intros H; [lra|]. assert (f n <= h n) by (apply H; lia).
  assert (sumR n f <= sumR n h) by (apply IHn; intros; apply H; lia). lra.
Qed.

Lemma sumR_abs n f : Rabs (sumR n f) <= sumR n (fun i => Rabs (f i)).
Proof.
  induction n; simpl; [rewrite Rabs_R0; lra|].
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma sumR_single n f i :
  (i < n)%nat -> (forall k, (k < n)%nat -> k <> i -> f k = 0) -> sumR n f = f i.
Proof.
  induction n; intros Hi H; [lia|]. simpl. destruct (Nat.eq_dec i n) as [->|Hn].
  - rewrite (sumR_ext n f (fun _ => 0 * 0)).
    + rewrite sumR_scal. ring.
    + intros k Hk. rewrite H by lia. ring.
  - rewrite IHn; try lia; [|intros; apply H; lia]. rewrite (H n) by lia. ring.
Qed.

Lemma sum_delta (k m : nat) (f : nat -> R) : (k < m)%nat ->
  sumR m (fun i => (if Nat.eqb k i then 1 else 0) * f i) = f k.
Proof.
  assert (Z : forall p, (p <= k)%nat -> sumR p (fun i => (if Nat.eqb k i then 1 else 0) * f i) = 0).
  { induction p; intros; simpl; [reflexivity|]. rewrite IHp by lia.
    destruct (Nat.eqb_spec k p); [lia | ring]. }
  induction m; intros H; [lia|]. simpl. destruct (Nat.eq_dec k m) as [<-|Hk].
  - rewrite Z by lia. rewrite Nat.eqb_refl. ring.
  - rewrite IHm by lia. destruct (Nat.eqb_spec k m); [lia | ring].
Qed.

Lemma is_RInt_sumR n (f : nat -> R -> R) (l : nat -> R) a b :
  (forall i, (i < n)%nat -> is_RInt (f i) a b (l i)) ->
  is_RInt (fun t => sumR n (fun i => f i t)) a b (sumR n l).
Proof.
  induction n; simpl; intros H.
  - pose proof (@is_RInt_const R_NormedModule a b 0) as K.
    unfold scal in K; simpl in K; unfold mult in K; simpl in K.
    rewrite Rmult_0_r in K. exact K.
  - apply (@is_RInt_plus R_NormedModule); [apply IHn; intros; apply H; lia | apply H; lia].
Qed.

Definition mix (p y : point) (k : nat) : point := fun i => if Nat.ltb i k then y i else p i.

Lemma upd_same z i s : upd z i s i = s.
Proof. unfold upd. rewrite Nat.eqb_refl. reflexivity. Qed.
Lemma upd_other z i s k : k <> i -> upd z i s k = z k.
Proof. intros H. unfold upd. apply Nat.eqb_neq in H. rewrite H. reflexivity. Qed.

Lemma between_abs a b c d :
  Rmin a b <= c <= Rmax a b -> Rabs (b - a) < d -> Rabs (c - a) < d.
Proof.
  intros Hc Hd. unfold Rmin, Rmax in Hc.
  revert Hd; unfold Rabs; destruct (Rle_dec a b); destruct (Rcase_abs (b - a));
  destruct (Rcase_abs (c - a)); lra.
Qed.

Lemma mix_step n F D p y r k :
  on_Rn n F -> (k < n)%nat ->
  (forall z, near n r p z -> forall i, (i < n)%nat -> is_partial F i z (D i z)) ->
  near n r p y ->
  exists z, (forall d, near n d p y -> 0 < d -> near n d p z) /\
    F (mix p y (S k)) - F (mix p y k) = D k z * (y k - p k).
Proof.
  intros Hn Hk HD Hy.
  set (m := mix p y k).
  assert (Hr : 0 < r).
  { specialize (Hy k Hk). pose proof (Rabs_pos (y k - p k)); lra. }
  assert (Hnear : forall d c, near n d p y -> 0 < d -> Rmin (p k) (y k) <= c <= Rmax (p k) (y k) ->
            near n d p (upd m k c)).
  { intros d c Hd0 Hpos Hc i Hi. destruct (Nat.eq_dec i k) as [->|Hik].
    - rewrite upd_same. apply between_abs with (y k); auto.
    - rewrite upd_other by auto. unfold m, mix. destruct (Nat.ltb i k); [apply Hd0; auto|].
      rewrite Rminus_eq_0, Rabs_R0. auto. }
  assert (Hder : forall c, Rmin (p k) (y k) <= c <= Rmax (p k) (y k) ->
            is_derive (fun s => F (upd m k s)) c (D k (upd m k c))).
  { intros c Hc. pose proof (HD (upd m k c) (Hnear r c Hy Hr Hc) k Hk) as K.
    unfold is_partial in K. rewrite upd_same in K.
    apply (is_derive_ext (fun s => F (upd (upd m k c) k s))); auto.
    intros s. apply Hn. intros i Hi. destruct (Nat.eq_dec i k) as [->|Hik].
    - rewrite !upd_same; auto.
    - rewrite !upd_other; auto. }
  destruct (MVT_gen (fun s => F (upd m k s)) (p k) (y k) (fun s => D k (upd m k s))) as (c & Hc & He).
  - intros s Hs. apply Hder. lra.
  - intros s Hs. apply continuity_pt_filterlim.
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply Hder. lra.
  - exists (upd m k c). split.
    + intros d Hd Hpos. apply Hnear; auto.
    + rewrite <- He.
      replace (F (mix p y (S k))) with (F (upd m k (y k))).
      * replace (F (upd m k (p k))) with (F (mix p y k)); auto.
        apply Hn. intros i Hi. unfold m, mix, upd.
        destruct (Nat.eqb_spec i k), (Nat.ltb_spec i k); try lia; subst; auto.
      * apply Hn. intros i Hi. unfold m, mix, upd.
        destruct (Nat.eqb_spec i k), (Nat.ltb_spec i (S k)), (Nat.ltb_spec i k); try lia; subst; auto.
Qed.

Lemma common_radius n (P : nat -> R -> Prop) :
  (forall i d d', P i d -> 0 < d' <= d -> P i d') ->
  (forall i, (i < n)%nat -> exists d, 0 < d /\ P i d) ->
  exists d, 0 < d /\ forall i, (i < n)%nat -> P i d.
Proof.
  intros Hm. induction n; intros H.
  - exists 1. split; [lra|]. intros; lia.
  - destruct IHn as (d1 & Hd1 & H1); [intros; apply H; lia|].
    destruct (H n) as (d2 & Hd2 & H2); [lia|].
    exists (Rmin d1 d2). split; [apply Rmin_pos; auto|].
    intros i Hi. destruct (Nat.eq_dec i n) as [->|Hin].
    + apply Hm with d2; auto. split; [apply Rmin_pos; auto | apply Rmin_r].
    + apply Hm with d1; [apply H1; lia|]. split; [apply Rmin_pos; auto | apply Rmin_l].
Qed.

(** C1 implies Frechet differentiable. *)
Theorem C1_frechet n F D p :
  on_Rn n F -> C1_at n F D p ->
  forall eps, 0 < eps -> exists d, 0 < d /\ forall y, near n d p y ->
    Rabs (F y - F p - sumR n (fun i => D i p * (y i - p i)))
      <= eps * sumR n (fun i => Rabs (y i - p i)).
Proof.
  intros Hn [(r & Hr & HD) HC] eps Heps.
  destruct (common_radius n (fun i d => forall z, near n d p z -> Rabs (D i z - D i p) < eps))
    as (d0 & Hd0 & Hc).
  { intros i d d' H Hd z Hz. apply H. intros j Hj. specialize (Hz j Hj). lra. }
  { intros i Hi. destruct (HC i Hi eps Heps) as (d & Hd & K). exists d; auto. }
  exists (Rmin r d0). split; [apply Rmin_pos; auto|].
  intros y Hy.
  assert (Hyr : near n r p y).
  { intros i Hi. specialize (Hy i Hi). pose proof (Rmin_l r d0); lra. }
  assert (Hyd : near n d0 p y).
  { intros i Hi. specialize (Hy i Hi). pose proof (Rmin_r r d0); lra. }
  assert (G : forall k, (k <= n)%nat ->
    Rabs (F (mix p y k) - F p - sumR k (fun i => D i p * (y i - p i)))
      <= eps * sumR k (fun i => Rabs (y i - p i))).
  { induction k; intros Hk; simpl.
    - replace (F (mix p y 0)) with (F p); [|apply Hn; intros; reflexivity].
      replace (F p - F p - 0) with 0 by ring. rewrite Rabs_R0. lra.
    - specialize (IHk ltac:(lia)).
      destruct (mix_step n F D p y r k Hn ltac:(lia) HD Hyr) as (z & Hz & Hstep).
      replace (F (mix p y (S k)) - F p -
        (sumR k (fun i => D i p * (y i - p i)) + D k p * (y k - p k)))
      with ((F (mix p y k) - F p - sumR k (fun i => D i p * (y i - p i)))
            + (D k z - D k p) * (y k - p k)).
      2:{ replace (F (mix p y (S k))) with (F (mix p y k) + D k z * (y k - p k)) by lra. ring. }
      eapply Rle_trans; [apply Rabs_triang|].
      rewrite Rmult_plus_distr_l. apply Rplus_le_compat; auto.
      rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos|].
      left. apply Hc; [lia|]. apply Hz; auto. }
  specialize (G n (le_n n)).
  replace (F (mix p y n)) with (F y) in G; auto.
  apply Hn. intros i Hi. unfold mix. destruct (Nat.ltb_spec i n); [auto|lia].
Qed.

Lemma upd_self z i k : upd z i (z i) k = z k.
Proof. unfold upd. destruct (Nat.eqb_spec k i); subst; auto. Qed.

Theorem path_chain_rule n F D (g dg : R -> point) t :
  on_Rn n F -> C1_at n F D (g t) ->
  (forall i, (i < n)%nat -> is_derive (fun s => g s i) t (dg t i)) ->
  is_derive (fun s => F (g s)) t (sumR n (fun i => D i (g t) * dg t i)).
Proof.
  intros Hn HC Hg. apply is_derive_Reals. intros eps Heps.
  set (M := sumR n (fun i => Rabs (Rabs (dg t i) + 1))).
  set (N := sumR n (fun i => Rabs (D i (g t)))).
  assert (HM : 0 <= M) by apply sumR_abs_ge0.
  assert (HN : 0 <= N) by apply sumR_abs_ge0.
  set (e1 := Rmin 1 (eps / (4 * (1 + N)))).
  assert (He1 : 0 < e1) by (apply Rmin_pos; [lra|apply Rdiv_lt_0_compat; lra]).
  assert (He1' : e1 <= 1) by apply Rmin_l.
  assert (He1'' : e1 <= eps / (4 * (1 + N))) by apply Rmin_r.
  set (e2 := eps / (4 * (1 + M))).
  assert (He2 : 0 < e2) by (apply Rdiv_lt_0_compat; lra).
  destruct (C1_frechet n F D _ Hn HC e2 He2) as (d & Hd & K).
  destruct (common_radius n (fun i del => forall h, h <> 0 -> Rabs h < del ->
      Rabs (g (t + h) i - g t i - h * dg t i) <= e1 * Rabs h)) as (d1 & Hd1 & K1).
  { intros i del del' H Hdel h Hh0 Hh. apply H; auto; lra. }
  { intros i Hi. pose proof (proj1 (is_derive_Reals _ _ _) (Hg i Hi) e1 He1) as [del Hdel].
    exists del. split; [apply cond_pos|]. intros h Hh0 Hh. specialize (Hdel h Hh0 Hh).
    assert (0 < Rabs h) by (apply Rabs_pos_lt; auto).
    replace (g (t + h) i - g t i - h * dg t i) with (((g (t + h) i - g t i) / h - dg t i) * h)
      by (field; auto).
    rewrite Rabs_mult. apply Rmult_le_compat_r; lra. }
  assert (Hdel : 0 < Rmin d1 (d / (1 + M))).
  { apply Rmin_pos; auto. apply Rdiv_lt_0_compat; lra. }
  exists (mkposreal _ Hdel). intros h Hh0 Hh; simpl in Hh.
  assert (Hh1 : 0 < Rabs h) by (apply Rabs_pos_lt; auto).
  assert (Hha : Rabs h < d1) by (pose proof (Rmin_l d1 (d / (1 + M))); lra).
  assert (Hhb : Rabs h * (1 + M) < d).
  { pose proof (Rmin_r d1 (d / (1 + M))). apply Rlt_le_trans with (d / (1 + M) * (1 + M)).
    - apply Rmult_lt_compat_r; lra.
    - right; field; lra. }
  assert (Hinc : forall i, (i < n)%nat ->
      Rabs (g (t + h) i - g t i) <= Rabs h * Rabs (Rabs (dg t i) + 1)).
  { intros i Hi. specialize (K1 i Hi h Hh0 Hha).
    replace (g (t + h) i - g t i) with ((g (t + h) i - g t i - h * dg t i) + h * dg t i) by ring.
    eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_mult.
    pose proof (Rabs_pos (dg t i)). rewrite (Rabs_pos_eq (Rabs (dg t i) + 1)) by lra.
    assert (e1 * Rabs h <= 1 * Rabs h) by (apply Rmult_le_compat_r; lra). lra. }
  assert (Hnear : near n d (g t) (g (t + h))).
  { intros i Hi. eapply Rle_lt_trans; [apply Hinc; auto|].
    pose proof (sumR_abs_ge n (fun i => Rabs (dg t i) + 1) i Hi) as Hi2; simpl in Hi2; fold M in Hi2.
    apply Rle_lt_trans with (Rabs h * (1 + M)); auto.
    apply Rmult_le_compat_l; lra. }
  specialize (K _ Hnear).
  set (S1 := F (g (t + h)) - F (g t)) in *.
  set (S2 := sumR n (fun i => D i (g t) * (g (t + h) i - g t i))) in *.
  set (S3 := sumR n (fun i => D i (g t) * dg t i)).
  assert (B1 : sumR n (fun i => Rabs (g (t + h) i - g t i)) <= Rabs h * M).
  { unfold M. rewrite <- sumR_scal. apply sumR_le. auto. }
  assert (B2 : Rabs (S2 - h * S3) <= e1 * Rabs h * N).
  { unfold S2, S3.
    replace (sumR n (fun i => D i (g t) * (g (t + h) i - g t i)) - h * sumR n (fun i => D i (g t) * dg t i))
      with (sumR n (fun i => D i (g t) * (g (t + h) i - g t i - h * dg t i))).
    - eapply Rle_trans; [apply sumR_abs|]. unfold N. rewrite <- sumR_scal. apply sumR_le.
      intros i Hi. rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos|].
      apply K1; auto.
    - rewrite <- sumR_scal.
      replace (sumR n (fun i => D i (g t) * (g (t + h) i - g t i)))
        with (sumR n (fun i => D i (g t) * (g (t + h) i - g t i - h * dg t i) + h * (D i (g t) * dg t i)))
        by (apply sumR_ext; intros; ring).
      rewrite sumR_plus. ring. }
  assert (B3 : Rabs (S1 - h * S3) <= Rabs h * (eps / 2)).
  { replace (S1 - h * S3) with ((S1 - S2) + (S2 - h * S3)) by ring.
    eapply Rle_trans; [apply Rabs_triang|].
    assert (C1 : e2 * sumR n (fun i => Rabs (g (t + h) i - g t i)) <= e2 * (Rabs h * M))
      by (apply Rmult_le_compat_l; lra).
    assert (C2 : e2 * M <= eps / 4).
    { unfold e2. apply (Rmult_le_reg_r (4 * (1 + M))); [lra|].
      replace (eps / (4 * (1 + M)) * M * (4 * (1 + M))) with (eps * M) by (field; lra). nra. }
    assert (C3 : e1 * N <= eps / 4).
    { apply Rle_trans with (eps / (4 * (1 + N)) * N); [apply Rmult_le_compat_r; lra|].
      apply (Rmult_le_reg_r (4 * (1 + N))); [lra|].
      replace (eps / (4 * (1 + N)) * N * (4 * (1 + N))) with (eps * N) by (field; lra). nra. }
    assert (C4 : Rabs h * (e2 * M) <= Rabs h * (eps / 4)) by (apply Rmult_le_compat_l; lra).
    assert (C5 : Rabs h * (e1 * N) <= Rabs h * (eps / 4)) by (apply Rmult_le_compat_l; lra).
    lra. }
  replace (S1 / h - S3) with ((S1 - h * S3) / h) by (field; auto).
  unfold Rdiv at 1. rewrite Rabs_mult, Rabs_inv.
  apply Rle_lt_trans with (Rabs h * (eps / 2) * / Rabs h).
  - apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; auto | exact B3].
  - replace (Rabs h * (eps / 2) * / Rabs h) with (eps / 2) by (field; lra). lra.
Qed.

Lemma cont_path n G (g : R -> point) t :
  cont_at n G (g t) -> (forall i, (i < n)%nat -> continuous (fun s => g s i) t) ->
  continuous (fun s => G (g s)) t.
Proof.
  intros H Hg. apply continuity_pt_filterlim. intros eps Heps.
  destruct (H eps Heps) as (d & Hd & K).
  destruct (common_radius n (fun i del => forall s, Rabs (s - t) < del -> Rabs (g s i - g t i) < d))
    as (d1 & Hd1 & K1).
  { intros i del del' Hdl Hdel s Hs. apply Hdl; lra. }
  { intros i Hi. pose proof (Hg i Hi) as Ci. apply continuity_pt_filterlim in Ci.
    destruct (Ci d Hd) as (del & Hdel & Kd). exists del. split; auto. intros s Hs.
    destruct (Req_dec s t) as [->|Hst]; [rewrite Rminus_eq_0, Rabs_R0; auto|].
    apply Kd. split; [split; [exact I | auto]|]. exact Hs. }
  exists d1. split; auto. intros s [_ Hs]. apply K. intros i Hi. apply K1; auto.
Qed.

Lemma C1_partial n F D p i : C1_at n F D p -> (i < n)%nat -> is_partial F i p (D i p).
Proof.
  intros [(r & Hr & K) _] Hi. apply K; auto. intros m _. rewrite Rminus_eq_0, Rabs_R0; auto.
Qed.

(** The partial derivatives of a function of n coordinates are functions of n coordinates. *)
Lemma C1_on_Rn n F D i : on_Rn n F -> (forall p, C1_at n F D p) -> (i < n)%nat -> on_Rn n (D i).
Proof.
  intros Hn HC Hi y z H.
  assert (P : forall p, is_partial F i p (D i p)).
  { intros p. apply (C1_partial n); auto. }
  rewrite <- (is_derive_unique _ _ _ (P y)), <- (is_derive_unique _ _ _ (P z)), (H i Hi).
  apply Derive_ext. intros s. apply Hn. intros k Hk. unfold upd. destruct (Nat.eqb k i); auto.
Qed.

(** Continuity at a point: constants, coordinates, sums and products. *)
Lemma cont_at_const n c p : cont_at n (fun _ => c) p.
Proof. intros eps He. exists 1. split; [lra|]. intros z _. rewrite Rminus_eq_0, Rabs_R0. auto. Qed.

Lemma cont_at_coord n k p : (k < n)%nat -> cont_at n (fun z => z k) p.
Proof. intros Hk eps He. exists eps. split; auto. Qed.

Lemma cont_at_plus n F G p : cont_at n F p -> cont_at n G p -> cont_at n (fun z => F z + G z) p.
Proof.
  intros HF HG eps He.
  destruct (HF (eps / 2) ltac:(lra)) as (d1 & H1 & K1). destruct (HG (eps / 2) ltac:(lra)) as (d2 & H2 & K2).
  exists (Rmin d1 d2). split; [apply Rmin_pos; auto|]. intros z Hz.
  assert (A : Rabs (F z - F p) < eps / 2).
  { apply K1. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_l d1 d2). lra. }
  assert (B : Rabs (G z - G p) < eps / 2).
  { apply K2. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_r d1 d2). lra. }
  replace (F z + G z - (F p + G p)) with ((F z - F p) + (G z - G p)) by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma cont_at_times n F G p : cont_at n F p -> cont_at n G p -> cont_at n (fun z => F z * G z) p.
Proof.
  intros HF HG eps He.
  set (e1 := Rmin 1 (eps / (2 * (Rabs (G p) + 1)))). set (e2 := eps / (2 * (Rabs (F p) + 1))).
  pose proof (Rabs_pos (G p)). pose proof (Rabs_pos (F p)).
  assert (He1 : 0 < e1) by (apply Rmin_pos; [lra | apply Rdiv_lt_0_compat; lra]).
  assert (He2 : 0 < e2) by (apply Rdiv_lt_0_compat; lra).
  set (e3 := Rmin 1 e2). assert (He3 : 0 < e3) by (apply Rmin_pos; lra).
  destruct (HF e1 He1) as (d1 & H1 & K1). destruct (HG e3 He3) as (d2 & H2 & K2).
  exists (Rmin d1 d2). split; [apply Rmin_pos; auto|]. intros z Hz.
  assert (A : Rabs (F z - F p) < e1).
  { apply K1. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_l d1 d2). lra. }
  assert (B : Rabs (G z - G p) < e3).
  { apply K2. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_r d1 d2). lra. }
  replace (F z * G z - F p * G p) with ((F z - F p) * G z + F p * (G z - G p)) by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|]. rewrite !Rabs_mult.
  assert (C : Rabs (G z) <= Rabs (G p) + 1).
  { replace (G z) with (G p + (G z - G p)) by ring. eapply Rle_trans; [apply Rabs_triang|].
    pose proof (Rmin_l 1 e2). unfold e3 in B. lra. }
  assert (A' : Rabs (F z - F p) < eps / (2 * (Rabs (G p) + 1))).
  { pose proof (Rmin_r 1 (eps / (2 * (Rabs (G p) + 1)))). unfold e1 in A. lra. }
  assert (B' : Rabs (G z - G p) < e2) by (pose proof (Rmin_r 1 e2); unfold e3 in B; lra).
  assert (P : Rabs (F z - F p) * Rabs (G z) < eps / 2).
  { apply Rle_lt_trans with (Rabs (F z - F p) * (Rabs (G p) + 1)).
    - apply Rmult_le_compat_l; [apply Rabs_pos | auto].
    - apply Rlt_le_trans with (eps / (2 * (Rabs (G p) + 1)) * (Rabs (G p) + 1)).
      + apply Rmult_lt_compat_r; lra.
      + right. field. lra. }
  assert (Q : Rabs (F p) * Rabs (G z - G p) <= eps / 2).
  { apply Rle_trans with (Rabs (F p) * e2).
    - apply Rmult_le_compat_l; lra.
    - unfold e2. apply (Rmult_le_reg_r (2 * (Rabs (F p) + 1))); [lra|].
      replace (Rabs (F p) * (eps / (2 * (Rabs (F p) + 1))) * (2 * (Rabs (F p) + 1))) with (Rabs (F p) * eps)
        by (field; lra).
      replace (eps / 2 * (2 * (Rabs (F p) + 1))) with (Rabs (F p) * eps + eps) by field. lra. }
  lra.
Qed.
