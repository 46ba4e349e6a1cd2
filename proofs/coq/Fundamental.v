(** When is an increment the integral of a derivative that exists off countably many points?

    The mean value inequality holds with countably many exceptions, because each value between 0 and a too large
    increment would be taken at an exceptional point.  The fundamental theorem for a Riemann-integrable derivative
    follows from tagged sums. *)
From Coq Require Import Reals Lra Lia Arith List Classical Cantor.
From mathcomp Require seq.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec.
Open Scope R_scope.

(** No sequence fills an interval. *)
Lemma uncountable (u : nat -> R) a b : a < b -> exists x, a < x < b /\ forall k, x <> u k.
Proof.
  intros Hab.
  set (next := fun (k : nat) (p : R * R) => let (l, r) := p in
    if Rlt_dec (u k) ((l + r) / 2) then ((l + r) / 2 + (r - l) / 8, r - (r - l) / 8)
    else (l + (r - l) / 8, (l + r) / 2 - (r - l) / 8)).
  set (I := fix I k := match k with O => (a, b) | S m => next m (I m) end).
  assert (Hstep : forall k, fst (I k) < snd (I k) ->
    fst (I k) < fst (I (S k)) /\ fst (I (S k)) < snd (I (S k)) /\ snd (I (S k)) < snd (I k) /\
    (u k < fst (I (S k)) \/ snd (I (S k)) < u k)).
  { intros k H. simpl. destruct (I k) as [l r]. simpl in *.
    destruct (Rlt_dec (u k) ((l + r) / 2)); simpl; lra. }
  assert (Hlt : forall k, fst (I k) < snd (I k)).
  { induction k; [exact Hab|]. apply Hstep; auto. }
  assert (Hmon : forall k m, (k <= m)%nat -> fst (I k) <= fst (I m) /\ snd (I m) <= snd (I k)).
  { intros k m H. induction H; [lra|]. pose proof (Hstep m (Hlt m)). lra. }
  assert (Hup : forall k m, fst (I m) <= snd (I k)).
  { intros k m. destruct (Nat.le_ge_cases k m) as [H|H].
    - pose proof (Hlt m). pose proof (Hmon k m H). lra.
    - pose proof (Hlt k). pose proof (Hmon m k H). lra. }
  destruct (completeness (fun y => exists m, y = fst (I m))) as [x [Hx1 Hx2]].
  { exists b. intros y [m ->]. apply (Hup O m). }
  { exists a. exists O. reflexivity. }
  assert (Hin : forall k, fst (I k) <= x <= snd (I k)).
  { intros k. split; [apply Hx1; exists k; auto|]. apply Hx2. intros y [m ->]. apply Hup. }
  exists x. split.
  - pose proof (Hstep O (Hlt O)) as H. simpl fst in H. simpl snd in H. pose proof (Hin 1%nat). simpl I in *. lra.
  - intros k E. pose proof (Hstep k (Hlt k)). pose proof (Hin (S k)). lra.
Qed.

Lemma locally_above (h : R -> R) s c : continuous h s -> c < h s ->
  exists d, 0 < d /\ forall t, Rabs (t - s) < d -> c < h t.
Proof.
  intros Hc Hs. apply continuity_pt_filterlim in Hc.
  destruct (Hc (h s - c) ltac:(lra)) as (d & Hd & K). exists d. split; auto. intros t Ht.
  destruct (Req_dec t s) as [->|Hts]; auto.
  assert (A : R_dist (h t) (h s) < h s - c).
  { apply K. split; [split; [exact I | auto]|]. exact Ht. }
  unfold R_dist in A. apply Rabs_lt_between in A. lra.
Qed.

(** Where h last takes a value c between h a and h b it does not decrease. *)
Lemma last_crossing (h : R -> R) a b c : a <= b -> (forall t, a <= t <= b -> continuous h t) ->
  h a < c < h b -> exists s, a < s < b /\ h s = c /\ forall t, s < t <= b -> c < h t.
Proof.
  intros Hab Hc Hcc.
  destruct (completeness (fun t => a <= t <= b /\ h t <= c)) as [s [H1 H2]].
  { exists b. intros t [Ht _]. lra. }
  { exists a. lra. }
  assert (Has : a <= s) by (apply H1; lra).
  assert (Hsb : s <= b) by (apply H2; intros t [Ht _]; lra).
  assert (Hle : h s <= c).
  { apply Rnot_lt_le. intros K.
    destruct (locally_above h s c (Hc s ltac:(lra)) K) as (d & Hd & A).
    assert (s <= s - d); [|lra]. apply H2. intros t [Ht Htc]. apply Rnot_lt_le. intros Q.
    assert (t <= s) by (apply H1; auto).
    assert (c < h t); [|lra]. apply A. apply Rabs_lt_between. lra. }
  assert (Hsb' : s < b) by (destruct Hsb as [|E]; auto; subst; lra).
  assert (Hab' : forall t, s < t <= b -> c < h t).
  { intros t Ht. apply Rnot_le_lt. intros K. assert (t <= s); [|lra]. apply H1. split; auto. lra. }
  assert (Hge : c <= h s).
  { apply Rnot_lt_le. intros K.
    assert (C' : continuous (fun t => - h t) s) by (apply (@continuous_opp _ R_AbsRing R_NormedModule); apply Hc; lra).
    destruct (locally_above (fun t => - h t) s (- c) C' ltac:(lra)) as (d & Hd & A).
    set (t := Rmin b (s + d / 2)).
    assert (Ht : s < t <= b /\ t <= s + d / 2).
    { unfold t, Rmin. destruct (Rle_dec b (s + d / 2)); lra. }
    assert (c < h t) by (apply Hab'; lra).
    assert (- c < - h t); [|lra]. apply A. apply Rabs_lt_between. lra. }
  exists s. split; [|split; auto; lra]. split; auto.
  destruct Has as [|E]; auto. subst. lra.
Qed.

Lemma increments_le (g dg : R -> R) (E : R -> Prop) a b M : a <= b ->
  (forall t, a <= t <= b -> continuous g t) -> countable E ->
  (forall t, a < t < b -> ~ E t -> is_derive g t (dg t) /\ dg t <= M) ->
  g b - g a <= M * (b - a).
Proof.
  intros Hab Hc [e He] Hd. apply Rnot_lt_le. intros K.
  destruct Hab as [Hab|Hab]; [|subst; rewrite !Rminus_eq_0, Rmult_0_r in K; lra].
  set (M' := M + (g b - g a - M * (b - a)) / (2 * (b - a))).
  assert (HM : M < M').
  { unfold M'. assert (0 < (g b - g a - M * (b - a)) / (2 * (b - a))); [|lra]. apply Rdiv_lt_0_compat; lra. }
  set (h := fun t => g t - M' * t).
  assert (Hh : h a < h b).
  { unfold h. assert (M' * (b - a) = M * (b - a) + (g b - g a - M * (b - a)) / 2) by (unfold M'; field; lra). lra. }
  assert (Hhc : forall t, a <= t <= b -> continuous h t).
  { intros t Ht. apply (@continuous_minus _ R_AbsRing R_NormedModule); [apply Hc; auto|].
    apply (@continuous_mult _ R_AbsRing); [apply continuous_const | apply continuous_id]. }
  destruct (uncountable (fun k => h (e k)) (h a) (h b) Hh) as (c & Hcc & Hne).
  destruct (last_crossing h a b c ltac:(lra) Hhc Hcc) as (s & Hs & Hsc & Hafter).
  destruct (classic (E s)) as [HE|HE].
  { destruct (He s HE) as [k ->]. apply (Hne k). auto. }
  destruct (Hd s Hs HE) as [Hder Hle].
  assert (Hdh : is_derive h s (dg s - M')).
  { unfold h. apply (@is_derive_minus R_AbsRing R_NormedModule); auto. auto_derive; auto; ring. }
  apply is_derive_Reals in Hdh. destruct (Hdh (M' - M) ltac:(lra)) as [d Hdd].
  set (t := Rmin (b - s) (d / 2)).
  assert (Ht : 0 < t <= b - s /\ t < d).
  { unfold t, Rmin. pose proof (cond_pos d). destruct (Rle_dec (b - s) (d / 2)); lra. }
  specialize (Hdd t ltac:(lra) ltac:(rewrite Rabs_pos_eq; lra)).
  assert (Hup : 0 < (h (s + t) - h s) / t).
  { apply Rdiv_lt_0_compat; [|lra]. pose proof (Hafter (s + t) ltac:(lra)). lra. }
  apply Rabs_lt_between in Hdd. lra.
Qed.

(** A tagged sum of dg that is nearly as large as the increment of g. *)
Lemma large_sum (g dg : R -> R) (E : R -> Prop) (a b d eps : R) : 0 < d -> 0 < eps -> countable E ->
  (forall t, a <= t <= b -> continuous g t) ->
  (forall t, a < t < b -> ~ E t -> is_derive g t (dg t)) ->
  forall k c, a <= c <= b -> b - c <= INR k * d ->
  exists ptd : @SF_seq R, pointed_subdiv ptd /\ SF_h ptd = c /\
    seq.last (SF_h ptd) (SF_lx ptd) = b /\ seq_step (SF_lx ptd) <= d /\
    g b - g c - eps * (b - c) <= Riemann_sum dg ptd.
Proof.
  intros Hd He HE Hcont Hder. induction k; intros c Hc Hk.
  - simpl in Hk. assert (c = b) as -> by lra.
    exists (@SF_nil R b). split; [|split; [|split; [|split]]].
    + intros i Hi. unfold SF_size in Hi. simpl in Hi. lia.
    + reflexivity.
    + reflexivity.
    + unfold seq_step; simpl; lra.
    + unfold Riemann_sum; simpl. unfold zero; simpl. lra.
  - set (c' := Rmin b (c + d)).
    assert (Hc' : c <= c' <= b) by (unfold c', Rmin; destruct (Rle_dec b (c + d)); lra).
    assert (Hcd : c' - c <= d) by (unfold c', Rmin; destruct (Rle_dec b (c + d)); lra).
    destruct (IHk c') as (ptd & H1 & H2 & H3 & H4 & H5).
    { lra. }
    { rewrite S_INR in Hk. unfold c', Rmin. pose proof (pos_INR k).
      assert (0 <= INR k * d) by (apply Rmult_le_pos; lra). destruct (Rle_dec b (c + d)); lra. }
    assert (T : exists m, c <= m <= c' /\ g c' - g c - eps * (c' - c) <= dg m * (c' - c)).
    { destruct (Req_dec c c') as [<-|Hne].
      { exists c. lra. }
      apply NNPP. intros N.
      assert (A : g c' - g c <= ((g c' - g c) / (c' - c) - eps) * (c' - c)).
      { apply (increments_le g dg E); auto; try lra.
        { intros t Ht. apply Hcont. lra. }
        intros t Ht Hn. split; [apply Hder; auto; lra|].
        apply Rnot_lt_le. intros Q. apply N. exists t. split; [lra|].
        apply Rlt_le in Q. apply (Rmult_le_compat_r (c' - c)) in Q; [|lra].
        replace (((g c' - g c) / (c' - c) - eps) * (c' - c)) with (g c' - g c - eps * (c' - c)) in Q by (field; lra).
        exact Q. }
      replace (((g c' - g c) / (c' - c) - eps) * (c' - c)) with (g c' - g c - eps * (c' - c)) in A by (field; lra).
      assert (0 < eps * (c' - c)) by (apply Rmult_lt_0_compat; lra). lra. }
    destruct T as (m & Hm & Ht).
    exists (SF_cons (c, m) ptd). split; [|split; [|split; [|split]]].
    + intros [|i] Hi.
      * rewrite SF_lx_cons, SF_ly_cons. simpl. rewrite H2. exact Hm.
      * apply H1. rewrite SF_size_cons in Hi. lia.
    + reflexivity.
    + rewrite SF_lx_cons. simpl. exact H3.
    + rewrite SF_lx_cons. unfold seq_step in *. simpl. simpl in H4. apply Rmax_lub; auto.
      rewrite H2. rewrite Rabs_pos_eq; lra.
    + rewrite Riemann_sum_cons, H2. simpl. unfold plus, scal; simpl. unfold mult; simpl. lra.
Qed.

Lemma increment_le_integral (g dg : R -> R) (E : R -> Prop) (a b If : R) : a <= b -> countable E ->
  (forall t, a <= t <= b -> continuous g t) ->
  (forall t, a < t < b -> ~ E t -> is_derive g t (dg t)) ->
  is_RInt dg a b If -> g b - g a <= If.
Proof.
  intros Hab HE Hc Hd HIf.
  destruct (Req_dec a b) as [->|Hne].
  { rewrite <- (@is_RInt_unique R_CompleteNormedModule _ _ _ _ HIf). rewrite RInt_point. unfold zero; simpl; lra. }
  apply le_epsilon. intros eps Heps.
  pose proof (proj1 (filterlim_locally _ _) HIf (mkposreal (eps / 2) ltac:(lra))) as [del Hdel].
  set (d := del / 2). assert (Hdd : 0 < d) by (unfold d; pose proof (cond_pos del); lra).
  destruct (nfloor_ex ((b - a) / d)) as [k [_ Hk]].
  { apply Rdiv_le_0_compat; lra. }
  set (eta := eps / (2 * (b - a))). assert (Heta : 0 < eta) by (apply Rdiv_lt_0_compat; lra).
  destruct (large_sum g dg E a b d eta Hdd Heta HE Hc Hd (S k) a) as (ptd & H1 & H2 & H3 & H4 & H5).
  { lra. }
  { rewrite S_INR. apply Rlt_le in Hk. apply (Rmult_le_compat_r d) in Hk; [|lra].
    replace ((b - a) / d * d) with (b - a) in Hk by (field; lra). exact Hk. }
  assert (K : ball If (mkposreal (eps / 2) ltac:(lra)) (scal (sign (b - a)) (Riemann_sum dg ptd))).
  { apply (Hdel ptd).
    - apply Rle_lt_trans with d; auto. unfold d. pose proof (cond_pos del); lra.
    - rewrite Rmin_left, Rmax_right by lra. auto. }
  rewrite sign_eq_1 in K by lra.
  unfold ball in K; simpl in K. unfold AbsRing_ball, abs, minus, plus, opp, scal in K; simpl in K.
  unfold mult in K; simpl in K. apply Rabs_lt_between in K.
  replace (eta * (b - a)) with (eps / 2) in H5 by (unfold eta; field; lra). lra.
Qed.

(** The fundamental theorem: dg is Riemann integrable, and the derivative of the continuous g off countably many
    points. *)
Theorem fundamental (g dg : R -> R) (E : R -> Prop) (a b : R) : a <= b -> countable E ->
  (forall t, a <= t <= b -> continuous g t) ->
  (forall t, a < t < b -> ~ E t -> is_derive g t (dg t)) ->
  ex_RInt dg a b -> is_RInt dg a b (g b - g a).
Proof.
  intros Hab HE Hc Hd [If HIf]. replace (g b - g a) with If; auto. apply Rle_antisym.
  - assert (- g b - - g a <= - If); [|lra].
    apply (increment_le_integral (fun t => - g t) (fun t => - dg t) E a b); auto.
    + intros t Ht. apply (@continuous_opp _ R_AbsRing R_NormedModule). auto.
    + intros t Ht Hn. apply (@is_derive_opp R_AbsRing R_NormedModule). auto.
    + apply (@is_RInt_opp R_NormedModule). auto.
  - apply (increment_le_integral g dg E a b); auto.
Qed.

(** Countable sets *)
Lemma countable_or E1 E2 : countable E1 -> countable E2 -> countable (fun t => E1 t \/ E2 t).
Proof.
  intros [e1 H1] [e2 H2]. exists (fun k => if Nat.even k then e1 (Nat.div2 k) else e2 (Nat.div2 k)).
  intros t [H|H].
  - destruct (H1 t H) as [k ->]. exists (2 * k)%nat. rewrite Nat.even_mul. rewrite Nat.div2_double. reflexivity.
  - destruct (H2 t H) as [k ->]. exists (S (2 * k))%nat.
    rewrite Nat.even_succ, <- Nat.negb_even, Nat.even_mul. rewrite Nat.div2_succ_double. reflexivity.
Qed.

Lemma countable_none : countable (fun _ => False).
Proof. exists (fun _ => 0). intros t []. Qed.

Lemma countable_one c : countable (fun t => t = c).
Proof. exists (fun _ => c). intros t ->. exists O. reflexivity. Qed.

Lemma Lub_single (P : R -> Prop) t : P t -> (forall s, P s -> s = t) -> real (Lub_Rbar P) = t.
Proof.
  intros Ht Hu. rewrite (is_lub_Rbar_unique P (Finite t)); auto. split.
  - intros s Hs. rewrite (Hu s Hs). apply Rbar_le_refl.
  - intros b Hb. apply Hb. auto.
Qed.

(** t is the only point near t where phi takes the value phi t. *)
Definition isolated (phi : R -> R) (t : R) : Prop :=
  exists d, 0 < d /\ forall s, Rabs (s - t) < d -> phi s = phi t -> s = t.

(** A function takes countably many values at isolated points countably often. *)
Lemma isolated_countable (phi : R -> R) (K : R -> Prop) : countable K ->
  countable (fun t => 0 < t < 1 /\ K (phi t) /\ isolated phi t).
Proof.
  intros [e He].
  set (cell := fun (m : nat) (t : R) => let (k, p) := of_nat m in let (q, j) := of_nat p in
    INR j <= t * INR (S q) < INR j + 1 /\ phi t = e k).
  exists (fun m => real (Lub_Rbar (cell m))). intros t (Ht & HK & d & Hd & Hiso).
  destruct (He _ HK) as [k Hk].
  destruct (nfloor_ex (/ d)) as [q [_ Hq]]; [left; apply Rinv_0_lt_compat; auto|].
  assert (HQ : 0 < INR (S q)) by (apply lt_0_INR; lia).
  assert (Hdq : 1 < d * INR (S q)).
  { rewrite S_INR. apply (Rmult_lt_compat_l d) in Hq; auto. rewrite Rinv_r in Hq by lra. lra. }
  destruct (nfloor_ex (t * INR (S q))) as [j Hj]; [apply Rmult_le_pos; lra|].
  exists (to_nat (k, to_nat (q, j))). symmetry. apply Lub_single.
  - unfold cell. rewrite !cancel_of_to. split; auto.
  - unfold cell. rewrite !cancel_of_to. intros s [Hs Es]. apply Hiso; [|congruence].
    apply Rabs_lt_between. assert (-1 < (s - t) * INR (S q) < 1) by lra.
    split; apply (Rmult_lt_reg_r (INR (S q))); auto; lra.
Qed.

(** A function that is continuous between breakpoints, with one-sided limits, is integrable. *)
Lemma integrable_open (f : R -> R) (a b va vb : R) : a < b -> (forall t, a < t < b -> continuous f t) ->
  filterlim f (at_right a) (locally va) -> filterlim f (at_left b) (locally vb) -> ex_RInt f a b.
Proof.
  intros Hab Hc Ha Hb.
  set (h := fun t => if Rle_dec t a then va else if Rle_dec b t then vb else f t).
  assert (Hin : forall t, a < t < b -> h t = f t).
  { intros t Ht. unfold h. destruct (Rle_dec t a); [lra|]. destruct (Rle_dec b t); [lra | reflexivity]. }
  apply (ex_RInt_ext h).
  { intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. auto. }
  apply (@ex_RInt_continuous R_CompleteNormedModule). intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  destruct (Req_dec t a) as [->|Hta]; [|destruct (Req_dec t b) as [->|Htb]].
  - apply continuity_pt_filterlim. intros eps Heps.
    destruct (proj1 (filterlim_locally _ _) Ha (mkposreal eps Heps)) as [d Hd].
    exists (Rmin d (b - a)). split; [apply Rmin_pos; [apply cond_pos | lra]|].
    intros s [_ Hs]. unfold dist in *; simpl in *; unfold R_dist in *.
    pose proof (Rmin_l d (b - a)). pose proof (Rmin_r d (b - a)).
    assert (E : h a = va) by (unfold h; destruct (Rle_dec a a); lra). rewrite E.
    destruct (Rle_dec s a) as [Hsa|Hsa].
    + unfold h. destruct (Rle_dec s a); [|lra]. rewrite Rminus_eq_0, Rabs_R0. lra.
    + rewrite Hin by (apply Rabs_lt_between in Hs; lra). apply (Hd s); [|lra].
      unfold ball; simpl; unfold AbsRing_ball, abs, minus, plus, opp; simpl.
      replace (s + - a) with (s - a) by ring. lra.
  - apply continuity_pt_filterlim. intros eps Heps.
    destruct (proj1 (filterlim_locally _ _) Hb (mkposreal eps Heps)) as [d Hd].
    exists (Rmin d (b - a)). split; [apply Rmin_pos; [apply cond_pos | lra]|].
    intros s [_ Hs]. unfold dist in *; simpl in *; unfold R_dist in *.
    pose proof (Rmin_l d (b - a)). pose proof (Rmin_r d (b - a)).
    assert (E : h b = vb) by (unfold h; destruct (Rle_dec b a); [lra|]; destruct (Rle_dec b b); lra). rewrite E.
    destruct (Rle_dec b s) as [Hsa|Hsa].
    + unfold h. destruct (Rle_dec s a); [lra|]. destruct (Rle_dec b s); [|lra]. rewrite Rminus_eq_0, Rabs_R0. lra.
    + rewrite Hin by (apply Rabs_lt_between in Hs; lra). apply (Hd s); [|lra].
      unfold ball; simpl; unfold AbsRing_ball, abs, minus, plus, opp; simpl.
      replace (s + - b) with (s - b) by ring. lra.
  - apply (continuous_ext_loc h f t).
    + exists (mkposreal (Rmin (t - a) (b - t)) ltac:(apply Rmin_pos; lra)). intros s Hs.
      unfold ball in Hs; simpl in Hs; unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_lt_between in Hs. pose proof (Rmin_l (t - a) (b - t)). pose proof (Rmin_r (t - a) (b - t)).
      symmetry. apply Hin. lra.
    + apply Hc. lra.
Qed.

Lemma integrable_pieces (f : R -> R) (l : list R) : forall a b : R, a <= b ->
  (forall t, a < t < b -> ~ In t l -> continuous f t) ->
  (forall t, a <= t < b -> exists v, filterlim f (at_right t) (locally v)) ->
  (forall t, a < t <= b -> exists v, filterlim f (at_left t) (locally v)) -> ex_RInt f a b.
Proof.
  induction l as [|c l IH]; intros a b Hab Hc Hr Hl.
  - destruct Hab as [Hab| ->]; [|apply (@ex_RInt_point R_NormedModule)].
    destruct (Hr a ltac:(lra)) as [va Ha]. destruct (Hl b ltac:(lra)) as [vb Hb].
    apply (integrable_open f a b va vb); auto.
  - destruct (Rlt_dec a c) as [Hac|Hac]; [destruct (Rlt_dec c b) as [Hcb|Hcb]|].
    + apply (@ex_RInt_Chasles R_NormedModule) with c; apply IH; try lra.
      * intros t Ht Hin. apply Hc; [lra|]. intros [->|K]; [lra|auto].
      * intros t Ht. apply Hr. lra.
      * intros t Ht. apply Hl. lra.
      * intros t Ht Hin. apply Hc; [lra|]. intros [->|K]; [lra|auto].
      * intros t Ht. apply Hr. lra.
      * intros t Ht. apply Hl. lra.
    + apply IH; auto. intros t Ht Hin. apply Hc; auto. intros [->|K]; [lra|auto].
    + apply IH; auto. intros t Ht Hin. apply Hc; auto. intros [->|K]; [lra|auto].
Qed.

Lemma countable_list l : countable (fun t => In t l).
Proof.
  induction l as [|c l IH]; [exists (fun _ => 0); intros t []|].
  destruct (countable_or _ _ (countable_one c) IH) as [e He]. exists e. intros t [->|H]; apply He; auto.
Qed.
