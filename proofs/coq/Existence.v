(** When does the Riemann–Stieltjes integral exist?  (RS.existence, RS.by_parts) *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums StieltjesError.
Open Scope R_scope.

(** Sums over m cells of [a, c] whose tags lie in [A, B], no further than d from either end of their cell: a cell cut
    short keeps its tag. *)
Inductive loose (f g : R -> R) (A B d : R) : nat -> R -> R -> R -> Prop :=
| loose_nil a : loose f g A B d O a a 0
| loose_cons m a s b c S :
    a <= b -> A <= s <= B -> Rabs (s - a) <= d -> Rabs (s - b) <= d -> loose f g A B d m b c S ->
    loose f g A B d (Datatypes.S m) a c (f s * (g b - g a) + S).

(** The sum of |g(b) - g(a)| over the cells of a subdivision of [a, c]. *)
Inductive steps (g : R -> R) : R -> R -> R -> Prop :=
| steps_nil a : steps g a a 0
| steps_cons a b c T : a <= b -> steps g b c T -> steps g a c (Rabs (g b - g a) + T).

Lemma steps_points g a c T : steps g a c T -> exists n u,
  (forall l, (l < n)%nat -> u l <= u (S l)) /\ u O = a /\ u n = c /\
  sumR n (fun l => Rabs (g (u (S l)) - g (u l))) = T.
Proof.
  induction 1 as [a|a b c T Hab _ (n & u & H1 & H2 & H3 & H4)].
  - exists O, (fun _ => a). repeat split; auto. intros; lia.
  - exists (S n), (fun l => match l with O => a | S k => u k end). split; [|split; [|split]]; auto.
    + intros [|l] Hl; [rewrite H2; auto | apply H1; lia].
    + rewrite sumR_first, H2, H4. reflexivity.
Qed.

Lemma loose_le f g A B d m a c S : loose f g A B d m a c S -> a <= c.
Proof. induction 1; lra. Qed.

Lemma cut_short s a b b' d : a <= b' <= b -> Rabs (s - a) <= d -> Rabs (s - b) <= d -> Rabs (s - b') <= d.
Proof. intros H H1 H2. apply Rabs_le_between in H1. apply Rabs_le_between in H2. apply Rabs_le. lra. Qed.

(** Two sums differ, cell of the common subdivision by cell, by at most eps times the step of g. *)
Lemma merge f g A B d eps : (forall s t, A <= s <= B -> A <= t <= B -> Rabs (s - t) <= 2 * d -> Rabs (f s - f t) <=
    eps) ->
  0 <= eps ->
  forall k m1 m2 a c S1 S2, (m1 + m2 <= k)%nat -> loose f g A B d m1 a c S1 -> loose f g A B d m2 a c S2 ->
  exists T, steps g a c T /\ Rabs (S1 - S2) <= eps * T.
Proof.
  intros Hf He. induction k as [|k IH]; intros m1 m2 a c S1 S2 Hk H1 H2.
  - assert (m1 = O) by lia. assert (m2 = O) by lia. subst. inversion H1; subst. inversion H2; subst.
    exists 0. split; [constructor|]. rewrite Rminus_eq_0, Rabs_R0. lra.
  - assert (close : forall s1 s2 u, A <= s1 <= B -> A <= s2 <= B -> Rabs (s1 - u) <= d -> Rabs (s2 - u) <= d ->
      Rabs (f s1 - f s2) <= eps).
    { intros s1 s2 u I1 I2 D1 D2. apply Hf; auto. replace (s1 - s2) with ((s1 - u) + - (s2 - u)) by ring.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. lra. }
    inversion H1 as [a1 E1 E2 E3 E4|m1' a1 s1 b1 c1 R1 Hab1 Hs1 Hd1 Hd1' HR1 E1 E2 E3 E4]; subst.
    + inversion H2 as [a2|m2' a2 s2 b2 c2 R2 Hab2 Hs2 Hd2 Hd2' HR2]; subst.
      * exists 0. split; [constructor|]. rewrite Rminus_eq_0, Rabs_R0. lra.
      * pose proof (loose_le _ _ _ _ _ _ _ _ _ HR2). assert (b2 = c) as -> by lra.
        destruct (IH O m2' c c 0 R2 ltac:(lia) (loose_nil _ _ _ _ _ c) HR2) as (T & HT & HB).
        exists T. split; auto. replace (0 - (f s2 * (g c - g c) + R2)) with (0 - R2) by ring. auto.
    + inversion H2 as [a2 E5 E6 E7 E8|m2' a2 s2 b2 c2 R2 Hab2 Hs2 Hd2 Hd2' HR2 E5 E6 E7 E8]; subst.
      * pose proof (loose_le _ _ _ _ _ _ _ _ _ HR1). assert (b1 = c) as -> by lra.
        destruct (IH m1' O c c R1 0 ltac:(lia) HR1 (loose_nil _ _ _ _ _ c)) as (T & HT & HB).
        exists T. split; auto. replace (f s1 * (g c - g c) + R1 - 0) with (R1 - 0) by ring. auto.
      * destruct (Rle_dec b1 b2) as [Hb|Hb].
        -- assert (K : loose f g A B d (S m2') b1 c (f s2 * (g b2 - g b1) + R2)).
           { constructor; auto. apply (cut_short s2 a b2); auto. }
           destruct (IH m1' (S m2') b1 c R1 _ ltac:(lia) HR1 K) as (T & HT & HB).
           exists (Rabs (g b1 - g a) + T). split; [constructor; auto|].
           replace (f s1 * (g b1 - g a) + R1 - (f s2 * (g b2 - g a) + R2))
             with ((f s1 - f s2) * (g b1 - g a) + (R1 - (f s2 * (g b2 - g b1) + R2))) by ring.
           eapply Rle_trans; [apply Rabs_triang|]. rewrite Rmult_plus_distr_l, Rabs_mult.
           apply Rplus_le_compat; auto. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply (close s1 s2 a); auto.
        -- assert (K : loose f g A B d (S m1') b2 c (f s1 * (g b1 - g b2) + R1)).
           { constructor; auto; try lra. apply (cut_short s1 a b1); auto; lra. }
           destruct (IH (S m1') m2' b2 c _ R2 ltac:(lia) K HR2) as (T & HT & HB).
           exists (Rabs (g b2 - g a) + T). split; [constructor; auto|].
           replace (f s1 * (g b1 - g a) + R1 - (f s2 * (g b2 - g a) + R2))
             with ((f s1 - f s2) * (g b2 - g a) + (f s1 * (g b1 - g b2) + R1 - R2)) by ring.
           eapply Rle_trans; [apply Rabs_triang|]. rewrite Rmult_plus_distr_l, Rabs_mult.
           apply Rplus_le_compat; auto. apply Rmult_le_compat_r; [apply Rabs_pos|]. apply (close s1 s2 a); auto.
Qed.

Lemma loose_of_sums f g A B d a c S : sums f g d a c S -> A <= a -> c <= B ->
  exists m, loose f g A B d m a c S.
Proof.
  induction 1 as [a|a s b c S Hs Hd HS IH]; intros HA HB; [exists O; constructor|].
  destruct IH as (m & Hm); try lra. exists (Datatypes.S m).
  pose proof (sums_le _ _ _ _ _ _ HS). constructor; auto; try lra; apply Rabs_le; lra.
Qed.

Section Existence.
Variables (f g : R -> R) (a b V : R).
Hypothesis Hab : a <= b.
Hypothesis Hf : forall t, a <= t <= b -> continuous f t.
Hypothesis HV : variation_le g a b V.

Lemma V_ge0 : 0 <= V.
Proof. apply (HV O (fun _ => a)); try lra. intros; lia. Qed.

(** The Cauchy property of the tagged sums. *)
Lemma sums_cauchy eps : 0 < eps -> exists d, 0 < d /\ forall n1 t1 s1 n2 t2 s2,
  tagged_partition d a b n1 t1 s1 -> tagged_partition d a b n2 t2 s2 ->
  Rabs (stieltjes_sum n1 f g t1 s1 - stieltjes_sum n2 f g t2 s2) <= eps.
Proof.
  intros He. pose proof V_ge0 as V0. set (e := eps / (V + 1)).
  assert (Hpos : 0 < e) by (apply Rdiv_lt_0_compat; lra).
  destruct (@Heine_cor2 f a b (fun t Ht => proj2 (continuity_pt_filterlim f t) (Hf t Ht)) (mkposreal e Hpos)) as [d Hd].
  simpl in Hd. pose proof (cond_pos d). exists (d / 3). split; [lra|].
  intros n1 t1 s1 n2 t2 s2 H1 H2.
  destruct (loose_of_sums f g a b (d / 3) a b _ (sums_of_partition f g _ _ _ _ _ _ H1)) as (m1 & L1); try lra.
  destruct (loose_of_sums f g a b (d / 3) a b _ (sums_of_partition f g _ _ _ _ _ _ H2)) as (m2 & L2); try lra.
  destruct (merge f g a b (d / 3) e) with (k := (m1 + m2)%nat) (m1 := m1) (m2 := m2) (a := a) (c := b)
    (S1 := stieltjes_sum n1 f g t1 s1) (S2 := stieltjes_sum n2 f g t2 s2) as (T & HT & HB); auto.
  - intros s t Hs Ht Hst. left. apply Hd; auto. lra.
  - lra.
  - eapply Rle_trans; [exact HB|].
    destruct (steps_points _ _ _ _ HT) as (n & u & U1 & U2 & U3 & U4).
    assert (T <= V) by (rewrite <- U4; apply HV; auto; lra).
    replace eps with (e * (V + 1)) by (unfold e; field; lra). apply Rmult_le_compat_l; lra.
Qed.

Lemma grid_partition n d : (0 < n)%nat -> b - a <= d * INR n ->
  tagged_partition d a b n (grid a b n) (grid a b n).
Proof.
  intros Hn Hd. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (Hs : 0 <= (b - a) / INR n) by (apply Rdiv_le_0_compat; lra).
  assert (Hs' : (b - a) / INR n <= d).
  { apply (Rmult_le_reg_r (INR n)); auto. replace ((b - a) / INR n * INR n) with (b - a) by (field; lra). auto. }
  split; [unfold grid; simpl; ring|]. split; [unfold grid; field; lra|].
  intros l _. unfold grid. rewrite S_INR. lra.
Qed.

Theorem continuous_integrand : exists I, is_stieltjes f g a b I.
Proof.
  set (U := fun k => stieltjes_sum (S k) f g (grid a b (S k)) (grid a b (S k))).
  assert (Hfine : forall d, 0 < d -> exists N, forall k, (N <= k)%nat ->
    tagged_partition d a b (S k) (grid a b (S k)) (grid a b (S k))).
  { intros d Hd. destruct (nfloor_ex ((b - a) / d)) as [N [_ HN]]; [apply Rdiv_le_0_compat; lra|].
    exists N. intros k Hk. apply grid_partition; [lia|]. rewrite S_INR. apply le_INR in Hk.
    apply Rle_trans with (d * (INR N + 1)); [|apply Rmult_le_compat_l; lra].
    replace (b - a) with (d * ((b - a) / d)) by (field; lra). apply Rmult_le_compat_l; lra. }
  assert (HC : Cauchy_crit U).
  { intros eps He. destruct (sums_cauchy (eps / 2) ltac:(lra)) as (d & Hd & K). destruct (Hfine d Hd) as (N & HN).
    exists N. intros k1 k2 H1 H2. unfold R_dist, U.
    apply Rle_lt_trans with (eps / 2); [apply K; apply HN; lia | lra]. }
  destruct (Rcomplete.R_complete U HC) as (I & HI). exists I. intros eps He.
  destruct (sums_cauchy (eps / 2) ltac:(lra)) as (d & Hd & K). exists d. split; auto. intros n t s Hp.
  destruct (Hfine d Hd) as (N1 & HN1). destruct (HI (eps / 2) ltac:(lra)) as (N2 & HN2).
  specialize (HN2 (Nat.max N1 N2) ltac:(lia)). unfold R_dist in HN2.
  pose proof (K _ _ _ _ _ _ Hp (HN1 (Nat.max N1 N2) ltac:(lia))) as D.
  replace (stieltjes_sum n f g t s - I) with ((stieltjes_sum n f g t s - U (Nat.max N1 N2)) + (U (Nat.max N1 N2) - I))
      by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|]. unfold U in *. lra.
Qed.
End Existence.

(** Integration by parts: tags and points exchange their roles. *)
Theorem stieltjes_parts f g a b I : is_stieltjes f g a b I -> is_stieltjes g f a b (f b * g b - f a * g a - I).
Proof.
  intros HI eps He. destruct (HI eps He) as (d & Hd & K). exists (d / 2). split; [lra|]. intros n t s (H0 & H1 & H2).
  set (u := fun l => match l with O => a | S k => if Nat.eqb k n then b else s k end).
  assert (U : forall l, (l < n)%nat -> u (S l) = s l).
  { intros l Hl. unfold u. rewrite (proj2 (Nat.eqb_neq l n)) by lia. reflexivity. }
  assert (Un : u (S n) = b) by (unfold u; rewrite Nat.eqb_refl; reflexivity).
  assert (Hp : tagged_partition d a b (S n) u t).
  { split; [reflexivity|]. split; auto. intros l Hl.
    assert (Hlow : u l <= t l /\ t l - u l <= d / 2).
    { destruct l as [|l]; [simpl; lra|]. rewrite U by lia. destruct (H2 l ltac:(lia)). lra. }
    destruct (Nat.eq_dec l n) as [->|Hne]; [rewrite Un; lra|].
    rewrite (U l) by lia. destruct (H2 l ltac:(lia)). lra. }
  specialize (K _ _ _ Hp). assert (U0 : u O = a) by reflexivity. clearbody u.
  assert (E : forall m, (m <= n)%nat -> sumR m (fun l => g (s l) * (f (t (S l)) - f (t l)))
    = f (t m) * g (u m) - f a * g a - sumR m (fun l => f (t l) * (g (u (S l)) - g (u l)))).
  { induction m as [|m IH]; intros Hm; simpl sumR; [rewrite H0, U0; ring|].
    rewrite IH by lia. rewrite (U m) by lia. ring. }
  unfold stieltjes_sum in *. specialize (E n (le_n n)). simpl sumR in K. rewrite Un in K.
  rewrite E, <- Rabs_Ropp. rewrite H1 in *.
  match goal with |- Rabs ?x < _ => replace x with
    (sumR n (fun l => f (t l) * (g (u (S l)) - g (u l))) + f b * (g b - g (u n)) - I) by ring end.
  exact K.
Qed.

(** The other way round. *)
Theorem continuous_integrator f g a b V : a <= b -> variation_le f a b V ->
  (forall t, a <= t <= b -> continuous g t) -> exists I, is_stieltjes f g a b I.
Proof.
  intros Hab HV Hg. destruct (continuous_integrand g f a b V Hab Hg HV) as (I & HI).
  exists (g b * f b - g a * f a - I). apply stieltjes_parts. auto.
Qed.
