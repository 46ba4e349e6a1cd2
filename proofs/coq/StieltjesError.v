(** How far is a Riemann–Stieltjes sum from its integral, and what does the integral mean? *)
From Coq Require Import Reals Lra Lia Arith Classical.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums.
Open Scope R_scope.

(** The tagged sums of f against g on [a, b] with cells no wider than d, one cell at a time. *)
Inductive sums (f g : R -> R) (d : R) : R -> R -> R -> Prop :=
| sums_nil a : sums f g d a a 0
| sums_cons a s b c S :
    a <= s <= b -> b - a <= d -> sums f g d b c S -> sums f g d a c (f s * (g b - g a) + S).

Lemma sums_of_partition f g d n : forall a b t s,
  tagged_partition d a b n t s -> sums f g d a b (stieltjes_sum n f g t s).
Proof.
  induction n; intros a b t s (H0 & H1 & H2).
  - unfold stieltjes_sum. simpl. rewrite <- H0, <- H1. constructor.
  - unfold stieltjes_sum. rewrite sumR_first. rewrite <- H0.
    destruct (H2 O ltac:(lia)) as [Ha Hb]. constructor; auto.
    apply (IHn (t 1%nat) b (fun l => t (S l)) (fun l => s (S l))).
    split; [auto|split; [auto|]]. intros l Hl. apply H2. lia.
Qed.

Lemma partition_of_sums f g d a b S : sums f g d a b S ->
  exists n t s, tagged_partition d a b n t s /\ stieltjes_sum n f g t s = S.
Proof.
  induction 1 as [a|a s b c T Hs Hd _ (n & t & u & (H0 & H1 & H2) & H3)].
  - exists O, (fun _ => a), (fun _ => a). split; [|reflexivity].
    split; [auto|split; [auto|]]. intros; lia.
  - exists (Datatypes.S n), (fun l => match l with O => a | Datatypes.S k => t k end),
      (fun l => match l with O => s | Datatypes.S k => u k end). split.
    + split; [auto|split; [auto|]]. intros [|l] Hl; [rewrite H0; auto|]. apply H2. lia.
    + unfold stieltjes_sum. rewrite sumR_first, H0. f_equal. exact H3.
Qed.

Lemma sums_app f g d a b S : sums f g d a b S -> forall c T, sums f g d b c T -> sums f g d a c (S + T).
Proof.
  induction 1; intros e T HT; [rewrite Rplus_0_l; auto|].
  rewrite Rplus_assoc. constructor; auto.
Qed.

Lemma sums_fine f g d a b : 0 < d -> a <= b -> exists S, sums f g d a b S.
Proof.
  intros Hd Hab. destruct (nfloor_ex ((b - a) / d)) as [k [_ Hk]].
  { apply Rdiv_le_0_compat; lra. }
  set (n := S k). assert (Hn : 0 < INR n) by (apply lt_0_INR; unfold n; lia).
  set (t := fun l => a + INR l * ((b - a) / INR n)).
  assert (Hstep : 0 <= (b - a) / INR n <= d).
  { split; [apply Rdiv_le_0_compat; lra|]. apply (Rmult_le_reg_r (INR n)); auto.
    replace ((b - a) / INR n * INR n) with (b - a) by (field; lra).
    unfold n. rewrite S_INR. apply Rlt_le in Hk. apply (Rmult_le_compat_r d) in Hk; [|lra].
    replace ((b - a) / d * d) with (b - a) in Hk by (field; lra). lra. }
  eexists. apply (sums_of_partition f g d n a b t t). split; [|split].
  - unfold t. simpl. ring.
  - unfold t. field. lra.
  - intros l _. unfold t. rewrite S_INR. split; [split|]; lra.
Qed.

Lemma partition_in d a b n t s : tagged_partition d a b n t s ->
  forall l, (l <= n)%nat -> a <= t l <= b.
Proof.
  intros (<- & <- & H) l Hl.
  assert (M : forall l, (l < n)%nat -> t l <= t (S l)) by (intros k Hk; destruct (H k Hk); lra).
  split; apply (steps_increase n t M); lia.
Qed.

(** One cell: any tag against any finer sum. *)
Lemma cell_bound f g a b s w V : a <= s <= b -> oscillation_le f a b w -> variation_le g a b V ->
  forall d S, sums f g d a b S -> Rabs (f s * (g b - g a) - S) <= w * V.
Proof.
  intros Hs Hw HV d S HS.
  destruct (partition_of_sums _ _ _ _ _ _ HS) as (n & t & u & Hp & <-).
  pose proof (partition_in _ _ _ _ _ _ Hp) as Hin. destruct Hp as (H0 & H1 & H2).
  assert (w0 : 0 <= w).
  { pose proof (Hw s s Hs Hs) as K. rewrite Rminus_eq_0, Rabs_R0 in K. auto. }
  replace (f s * (g b - g a) - stieltjes_sum n f g t u)
    with (sumR n (fun l => (f s - f (u l)) * (g (t (Datatypes.S l)) - g (t l)))).
  - eapply Rle_trans; [apply sumR_abs|].
    apply Rle_trans with (w * sumR n (fun l => Rabs (g (t (Datatypes.S l)) - g (t l)))).
    + rewrite <- sumR_scal. apply sumR_le. intros l Hl. rewrite Rabs_mult.
      apply Rmult_le_compat_r; [apply Rabs_pos|]. apply Hw; auto.
      destruct (H2 l Hl) as [H _]. pose proof (Hin l ltac:(lia)). pose proof (Hin (Datatypes.S l) ltac:(lia)). lra.
    + apply Rmult_le_compat_l; auto. apply HV; try lra.
      intros l Hl. destruct (H2 l Hl) as [H _]. lra.
  - rewrite <- H0, <- H1, <- (sumR_telescope n (fun l => g (t l))).
    unfold stieltjes_sum. rewrite <- sumR_scal, <- sumR_minus. apply sumR_ext. intros; ring.
Qed.

(** RS.bounded_variation *)
Theorem bounded_variation_error f g I n (t s w V : nat -> R) :
  (forall l, (l < n)%nat -> t l <= s l <= t (S l)) ->
  (forall l, (l < n)%nat -> oscillation_le f (t l) (t (S l)) (w l)) ->
  (forall l, (l < n)%nat -> variation_le g (t l) (t (S l)) (V l)) ->
  is_stieltjes f g (t O) (t n) I ->
  Rabs (stieltjes_sum n f g t s - I) <= sumR n (fun l => w l * V l).
Proof.
  intros Ht Hw HV HI. apply le_epsilon. intros eps Heps.
  destruct (HI eps Heps) as (d & Hd & K).
  assert (G : forall k, (k <= n)%nat -> exists S, sums f g d (t O) (t k) S /\
    Rabs (stieltjes_sum k f g t s - S) <= sumR k (fun l => w l * V l)).
  { induction k; intros Hk.
    - exists 0. split; [constructor|]. unfold stieltjes_sum. simpl. rewrite Rminus_0_r, Rabs_R0. lra.
    - destruct (IHk ltac:(lia)) as (S1 & A1 & B1).
      pose proof (Ht k Hk) as Hk1.
      destruct (sums_fine f g d (t k) (t (S k)) Hd ltac:(lra)) as (S2 & A2).
      exists (S1 + S2). split; [apply sums_app with (t k); auto|].
      pose proof (cell_bound f g (t k) (t (S k)) (s k) (w k) (V k) Hk1 (Hw k Hk) (HV k Hk) d S2 A2) as B2.
      unfold stieltjes_sum in *. simpl.
      replace (sumR k (fun l => f (s l) * (g (t (S l)) - g (t l))) + f (s k) * (g (t (S k)) - g (t k)) - (S1 + S2))
        with ((sumR k (fun l => f (s l) * (g (t (S l)) - g (t l))) - S1)
              + (f (s k) * (g (t (S k)) - g (t k)) - S2)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat; auto. }
  destruct (G n (le_n n)) as (S1 & A1 & B1).
  destruct (partition_of_sums _ _ _ _ _ _ A1) as (n' & t' & s' & Hp & HS).
  specialize (K n' t' s' Hp). rewrite HS in K.
  replace (stieltjes_sum n f g t s - I) with ((stieltjes_sum n f g t s - S1) + (S1 - I)) by ring.
  eapply Rle_trans; [apply Rabs_triang|]. lra.
Qed.

(** Riemann–Stieltjes sums against a C1 integrator converge to the Riemann integral of f dg. *)
Lemma riemann_sequence (h : R -> R) d a b S : sums h (fun t => t) d a b S ->
  exists ptd : @SF_seq R, pointed_subdiv ptd /\ SF_h ptd = a /\
    seq.last (SF_h ptd) (SF_lx ptd) = b /\ (0 <= d -> seq_step (SF_lx ptd) <= d) /\ Riemann_sum h ptd = S.
Proof.
  induction 1 as [a|a s b c T Hs Hd _ (ptd & H1 & H2 & H3 & H4 & H5)].
  - exists (@SF_nil R a). split; [|split; [|split; [|split]]]; auto.
    intros i Hi. unfold SF_size in Hi. simpl in Hi. lia.
  - exists (SF_cons (a, s) ptd). split; [|split; [|split; [|split]]].
    + intros [|i] Hi.
      * rewrite SF_lx_cons, SF_ly_cons. simpl. rewrite H2. auto.
      * apply H1. rewrite SF_size_cons in Hi. lia.
    + reflexivity.
    + rewrite SF_lx_cons. simpl. exact H3.
    + intros d0. rewrite SF_lx_cons. unfold seq_step in *. simpl. simpl in H4. apply Rmax_lub; auto.
      rewrite H2. rewrite Rabs_pos_eq; lra.
    + rewrite Riemann_sum_cons, H5, H2. simpl. unfold plus, scal; simpl. unfold mult; simpl. ring.
Qed.

Lemma sums_le f g d a b S : sums f g d a b S -> a <= b.
Proof. induction 1; lra. Qed.

Lemma riemann_is_stieltjes h a b I : a <= b -> is_RInt h a b I -> is_stieltjes h (fun t => t) a b I.
Proof.
  intros Hab HI eps Heps.
  destruct (Req_dec a b) as [<-|Hne].
  { exists 1. split; [lra|]. intros n t s Hp.
    assert (I0 : I = 0).
    { rewrite <- (@is_RInt_unique R_CompleteNormedModule _ _ _ _ HI). rewrite RInt_point. reflexivity. }
    assert (S0 : stieltjes_sum n h (fun t => t) t s = 0).
    { assert (G : forall a b S, sums h (fun t => t) 1 a b S -> a = b -> S = 0).
      { clear. induction 1 as [a|a s b c S Hs Hd HS IH]; intros E; auto.
        pose proof (sums_le _ _ _ _ _ _ HS). assert (b = c) by lra. rewrite IH by auto.
        replace b with a by lra. ring. }
      apply (G a a); auto. apply sums_of_partition. auto. }
    rewrite I0, S0, Rminus_0_r, Rabs_R0. auto. }
  pose proof (proj1 (filterlim_locally _ _) HI (mkposreal eps Heps)) as [del Hdel].
  exists (del / 2). pose proof (cond_pos del). split; [lra|]. intros n t s Hp.
  apply (sums_of_partition h (fun t => t)) in Hp.
  destruct (riemann_sequence _ _ _ _ _ Hp) as (ptd & H1 & H2 & H3 & H4 & H5).
  assert (K : ball I eps (scal (sign (b - a)) (Riemann_sum h ptd))).
  { apply (Hdel ptd).
    - apply Rle_lt_trans with (del / 2); [apply H4; lra | lra].
    - rewrite Rmin_left, Rmax_right by lra. auto. }
  change (@Riemann_sum (NormedModule.ModuleSpace R_AbsRing R_NormedModule) h ptd)
    with (@Riemann_sum R_ModuleSpace h ptd) in K.
  rewrite H5, sign_eq_1 in K by lra.
  unfold ball in K; simpl in K. unfold AbsRing_ball, abs, minus, plus, opp, scal in K; simpl in K.
  unfold mult in K; simpl in K. rewrite Rmult_1_l in K. exact K.
Qed.

(** RS.existence: A C1 integrator: the Riemann–Stieltjes integral of f against g is the Riemann integral of f g'. *)
Theorem stieltjes_C1 (f g dg : R -> R) B a b :
  a <= b -> (forall t, a <= t <= b -> Rabs (f t) <= B) ->
  (forall t, a <= t <= b -> is_derive g t (dg t)) ->
  (forall t, a <= t <= b -> continuous dg t) ->
  ex_RInt (fun t => f t * dg t) a b ->
  is_stieltjes f g a b (RInt (fun t => f t * dg t) a b).
Proof.
  intros Hab HB Hd Hc Hex eps Heps.
  pose proof (@RInt_correct R_CompleteNormedModule _ _ _ Hex) as HI.
  destruct (riemann_is_stieltjes _ _ _ _ Hab HI (eps / 2) ltac:(lra)) as (d1 & Hd1 & K1).
  assert (HB0 : 0 <= B) by (pose proof (HB a ltac:(lra)); pose proof (Rabs_pos (f a)); lra).
  set (e := eps / (2 * ((B + 1) * (b - a + 1)))).
  assert (HM : 0 < (B + 1) * (b - a + 1)) by (apply Rmult_lt_0_compat; lra).
  assert (He : 0 < e) by (apply Rdiv_lt_0_compat; lra).
  destruct (@Heine_cor2 dg a b (fun t Ht => proj2 (continuity_pt_filterlim dg t) (Hc t Ht)) (mkposreal e He))
    as [d2 K2]. simpl in K2.
  exists (Rmin d1 (d2 / 2)). pose proof (cond_pos d2) as Hd2.
  split; [apply Rmin_pos; lra|]. intros n t s Hp.
  pose proof (Rmin_l d1 (d2 / 2)) as M1. pose proof (Rmin_r d1 (d2 / 2)) as M2.
  assert (Hp1 : tagged_partition d1 a b n t s).
  { destruct Hp as (H0 & H1 & H2). split; [auto|split; [auto|]].
    intros l Hl. destruct (H2 l Hl). split; auto. lra. }
  specialize (K1 n t s Hp1).
  pose proof (partition_in _ _ _ _ _ _ Hp) as Hin.
  assert (C : Rabs (stieltjes_sum n f g t s - stieltjes_sum n (fun t => f t * dg t) (fun t => t) t s)
    <= B * e * (b - a)).
  { unfold stieltjes_sum. rewrite <- sumR_minus. eapply Rle_trans; [apply sumR_abs|].
    destruct Hp as (H0 & H1 & H2). replace (b - a) with (t n - t O) by lra.
    rewrite <- (sumR_telescope n t), <- sumR_scal. apply sumR_le. intros l Hl.
    pose proof (Hin l ltac:(lia)) as I1. pose proof (Hin (S l) ltac:(lia)) as I2.
    destruct (H2 l Hl) as [H3 H4].
    destruct (MVT_gen g (t l) (t (S l)) dg) as (c & Hc1 & Hc2).
    { intros u Hu. rewrite Rmin_left, Rmax_right in Hu by lra. apply Hd. lra. }
    { intros u Hu. rewrite Rmin_left, Rmax_right in Hu by lra. apply continuity_pt_filterlim.
      apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply Hd. lra. }
    rewrite Rmin_left, Rmax_right in Hc1 by lra. rewrite Hc2.
    replace (f (s l) * (dg c * (t (S l) - t l)) - f (s l) * dg (s l) * (t (S l) - t l))
      with (f (s l) * (dg c - dg (s l)) * (t (S l) - t l)) by ring.
    rewrite !Rabs_mult, (Rabs_pos_eq (t (S l) - t l)) by lra.
    apply Rmult_le_compat_r; [lra|]. apply Rmult_le_compat; try apply Rabs_pos.
    - apply HB; lra.
    - left. apply K2; try lra. apply Rabs_def1; lra. }
  assert (C2 : B * e * (b - a) <= eps / 2).
  { unfold e. apply (Rmult_le_reg_r (2 * ((B + 1) * (b - a + 1)))); [lra|].
    replace (B * (eps / (2 * ((B + 1) * (b - a + 1)))) * (b - a) * (2 * ((B + 1) * (b - a + 1))))
      with (eps * (B * (b - a))) by (field; lra).
    replace (eps / 2 * (2 * ((B + 1) * (b - a + 1)))) with (eps * ((B + 1) * (b - a + 1))) by field.
    apply Rmult_le_compat_l; [lra|]. apply Rmult_le_compat; lra. }
  set (I := RInt (fun t => f t * dg t) a b) in *.
  replace (stieltjes_sum n f g t s - I)
    with ((stieltjes_sum n f g t s - stieltjes_sum n (fun t => f t * dg t) (fun t => t) t s)
          + (stieltjes_sum n (fun t => f t * dg t) (fun t => t) t s - I)) by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|]. lra.
Qed.

(** A common jump: sums of every fineness differ by 1. *)
Lemma jump_sums_left f d a b S : sums f jump d a b S -> b < / 2 -> S = 0.
Proof.
  induction 1 as [a|a s b c S Hs Hd HS IH]; intros Hc; auto.
  pose proof (sums_le _ _ _ _ _ _ HS). rewrite IH by auto.
  unfold jump. destruct (Rle_dec (/ 2) a), (Rle_dec (/ 2) b); try lra.
Qed.

Lemma jump_sums_right f d a b S : sums f jump d a b S -> / 2 <= a -> S = 0.
Proof.
  induction 1 as [a|a s b c S Hs Hd HS IH]; intros Ha; auto.
  rewrite IH by lra. unfold jump. destruct (Rle_dec (/ 2) a), (Rle_dec (/ 2) b); try lra.
Qed.

(** RS.existence *)
Theorem common_jump I : ~ is_stieltjes jump jump 0 1 I.
Proof.
  intros H. destruct (H (/ 2) ltac:(lra)) as (d & Hd & K).
  set (e := Rmin (d / 2) (/ 4)).
  assert (He : 0 < e) by (apply Rmin_pos; lra).
  assert (He1 : e <= d / 2) by apply Rmin_l. assert (He2 : e <= / 4) by apply Rmin_r.
  destruct (sums_fine jump jump d 0 (/ 2 - e) Hd ltac:(lra)) as (S1 & H1).
  destruct (sums_fine jump jump d (/ 2 + e) 1 Hd ltac:(lra)) as (S2 & H2).
  pose proof (jump_sums_left _ _ _ _ _ H1 ltac:(lra)) as E1.
  pose proof (jump_sums_right _ _ _ _ _ H2 ltac:(lra)) as E2.
  assert (G : forall s, / 2 - e <= s <= / 2 + e -> Rabs (jump s - I) < / 2).
  { intros s Hs. pose proof (sums_cons jump jump d (/ 2 - e) s (/ 2 + e) 1 S2 Hs ltac:(lra) H2) as H3.
    pose proof (sums_app _ _ _ _ _ _ H1 _ _ H3) as H4.
    destruct (partition_of_sums _ _ _ _ _ _ H4) as (n & t & u & Hp & HS).
    specialize (K n t u Hp). rewrite HS, E1, E2 in K.
    replace (jump s) with (0 + (jump s * (jump (/ 2 + e) - jump (/ 2 - e)) + 0)); auto.
    unfold jump at 2 3. destruct (Rle_dec (/ 2) (/ 2 + e)), (Rle_dec (/ 2) (/ 2 - e)); lra. }
  pose proof (G (/ 2 - e) ltac:(lra)) as G0. pose proof (G (/ 2 + e) ltac:(lra)) as G1.
  unfold jump in G0, G1.
  destruct (Rle_dec (/ 2) (/ 2 + e)), (Rle_dec (/ 2) (/ 2 - e)); try lra.
  apply Rabs_def2 in G0. apply Rabs_def2 in G1. lra.
Qed.
