(** What do attributions from a baseline of uniform probabilities say, and does the search for one keep its promise? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Completeness SoftmaxGradient.
Open Scope R_scope.

(** Continuity in n coordinates is kept by sums, products and functions of one variable. *)
Lemma cont_const n a p : cont_at n (fun _ => a) p.
Proof. intros eps He. exists 1. split; [lra|]. intros. rewrite Rminus_eq_0, Rabs_R0. auto. Qed.

Lemma cont_comp n G (f : R -> R) p : cont_at n G p -> continuity_pt f (G p) -> cont_at n (fun z => f (G z)) p.
Proof.
  intros HG Hf eps He. destruct (Hf eps He) as (d & Hd & K). destruct (HG d Hd) as (r & Hr & L).
  exists r. split; auto. intros z Hz. specialize (L z Hz).
  destruct (Req_dec (G z) (G p)) as [E|E]; [rewrite E, Rminus_eq_0, Rabs_R0; auto|].
  apply K. split; [split; [exact I | auto] | exact L].
Qed.

Lemma cont_pair n G H (f : R -> R -> R) p : cont_at n G p -> cont_at n H p ->
  (forall eps, 0 < eps -> exists d, 0 < d /\ forall u v, Rabs (u - G p) < d -> Rabs (v - H p) < d ->
     Rabs (f u v - f (G p) (H p)) < eps) -> cont_at n (fun z => f (G z) (H z)) p.
Proof.
  intros HG HH Hf eps He. destruct (Hf eps He) as (d & Hd & K).
  destruct (HG d Hd) as (r1 & R1 & L1). destruct (HH d Hd) as (r2 & R2 & L2).
  exists (Rmin r1 r2). split; [apply Rmin_pos; auto|]. intros z Hz. apply K.
  - apply L1. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_l r1 r2). lra.
  - apply L2. intros i Hi. specialize (Hz i Hi). pose proof (Rmin_r r1 r2). lra.
Qed.

Lemma cont_plus n G H p : cont_at n G p -> cont_at n H p -> cont_at n (fun z => G z + H z) p.
Proof.
  intros HG HH. apply (cont_pair n G H Rplus); auto. intros eps He. exists (eps / 2). split; [lra|].
  intros u v Hu Hv. replace (u + v - (G p + H p)) with ((u - G p) + (v - H p)) by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|]. lra.
Qed.

Lemma cont_mult n G H p : cont_at n G p -> cont_at n H p -> cont_at n (fun z => G z * H z) p.
Proof.
  intros HG HH. apply (cont_pair n G H Rmult); auto. intros eps He.
  set (M := Rabs (G p) + Rabs (H p) + 1).
  pose proof (Rabs_pos (G p)). pose proof (Rabs_pos (H p)).
  assert (HM : 0 < M) by (unfold M; lra). assert (Hq : 0 < eps / M) by (apply Rdiv_lt_0_compat; auto).
  exists (Rmin 1 (eps / M)). split; [apply Rmin_pos; lra|]. intros u v Hu Hv.
  pose proof (Rmin_l 1 (eps / M)). pose proof (Rmin_r 1 (eps / M)).
  replace (u * v - G p * H p) with ((u - G p) * (v - H p) + (G p * (v - H p) + (u - G p) * H p)) by ring.
  assert (E : eps = eps / M * M) by (field; lra).
  eapply Rle_lt_trans; [apply Rabs_triang|].
  assert (A1 : Rabs ((u - G p) * (v - H p)) <= 1 * Rabs (v - H p)).
  { rewrite Rabs_mult. apply Rmult_le_compat_r; [apply Rabs_pos | lra]. }
  assert (A2 : Rabs (G p * (v - H p) + (u - G p) * H p) <= Rabs (G p) * (eps / M) + eps / M * Rabs (H p)).
  { eapply Rle_trans; [apply Rabs_triang|]. rewrite !Rabs_mult. apply Rplus_le_compat.
    - apply Rmult_le_compat_l; lra.
    - apply Rmult_le_compat_r; lra. }
  rewrite E. unfold M at 2. lra.
Qed.

Lemma cont_sum n m (G : nat -> point -> R) p : (forall j, (j < m)%nat -> cont_at n (G j) p) ->
  cont_at n (fun z => sumR m (fun j => G j z)) p.
Proof.
  induction m; intros HG; simpl; [apply cont_const|].
  apply (cont_plus n (fun z => sumR m (fun j => G j z)) (G m)); auto.
Qed.

Lemma C1_continuous n F D p : on_Rn n F -> C1_at n F D p -> cont_at n F p.
Proof.
  intros Hn HC eps He.
  destruct (C1_frechet n F D p Hn HC 1 ltac:(lra)) as (d & Hd & K).
  set (M := sumR n (fun i => Rabs (D i p) + 1)).
  assert (HM : 0 <= M).
  { apply sumR_ge0. intros i _. pose proof (Rabs_pos (D i p)). lra. }
  assert (Hq : 0 < eps / (M + 1)) by (apply Rdiv_lt_0_compat; lra).
  exists (Rmin d (eps / (M + 1))). split; [apply Rmin_pos; auto|]. intros z Hz.
  pose proof (Rmin_l d (eps / (M + 1))). pose proof (Rmin_r d (eps / (M + 1))).
  assert (Hzd : near n d p z) by (intros i Hi; specialize (Hz i Hi); lra).
  specialize (K z Hzd).
  replace (F z - F p) with ((F z - F p - sumR n (fun i => D i p * (z i - p i))) + sumR n (fun i => D i p * (z i - p i)))
    by ring.
  eapply Rle_lt_trans; [apply Rabs_triang|].
  pose proof (sumR_abs n (fun i => D i p * (z i - p i))) as T.
  apply Rle_lt_trans with (M * (eps / (M + 1))).
  - eapply Rle_trans; [apply Rplus_le_compat; [exact K | exact T]|].
    rewrite Rmult_1_l, <- sumR_plus. unfold M at 1. rewrite <- sumR_scal_r. apply sumR_le. intros i Hi.
    rewrite Rabs_mult. specialize (Hz i Hi). pose proof (Rabs_pos (D i p)).
    replace (Rabs (z i - p i) + Rabs (D i p) * Rabs (z i - p i)) with ((Rabs (D i p) + 1) * Rabs (z i - p i)) by ring.
    apply Rmult_le_compat_l; lra.
  - replace eps with ((M + 1) * (eps / (M + 1))) at 2 by (field; lra). apply Rmult_lt_compat_r; auto. lra.
Qed.

Section Softmax.
Variables (n m : nat) (Z : nat -> point -> R) (DZ : nat -> nat -> point -> R).
Hypothesis Hn : forall j, (j < m)%nat -> on_Rn n (Z j).

Lemma probability_Rn c : (c < m)%nat -> on_Rn n (probability m Z c).
Proof.
  intros Hc y z H. unfold probability, softmax. rewrite (Hn c Hc y z H).
  rewrite (sumR_ext m (fun k => exp (Z k y)) (fun k => exp (Z k z))); [reflexivity|].
  intros k Hk. rewrite (Hn k Hk y z H). reflexivity.
Qed.

Lemma probability_cont c p : (c < m)%nat -> (forall j, (j < m)%nat -> cont_at n (Z j) p) ->
    cont_at n (probability m Z c) p.
Proof.
  intros Hc HZ. unfold probability, softmax, Rdiv.
  assert (HE : forall j, (j < m)%nat -> cont_at n (fun z => exp (Z j z)) p).
  { intros j Hj. apply (cont_comp n (Z j) exp); auto. apply derivable_continuous_pt, derivable_pt_exp. }
  apply (cont_mult n (fun z => exp (Z c z)) (fun z => / sumR m (fun k => exp (Z k z)))); auto.
  apply (cont_comp n (fun z => sumR m (fun k => exp (Z k z))) Rinv); [apply (cont_sum n m (fun k z => exp (Z k z)));
      auto|].
  apply continuity_pt_filterlim. apply (@ex_derive_continuous R_AbsRing R_NormedModule Rinv).
  pose proof (sum_exp_pos m (fun k => Z k p) ltac:(lia)). auto_derive. lra.
Qed.

Lemma probability_C1 c p : (c < m)%nat -> (forall j, (j < m)%nat -> C1_at n (Z j) (DZ j) p) ->
  C1_at n (probability m Z c) (probability_grad m Z DZ c) p.
Proof.
  intros Hc HC. split.
  - destruct (common_radius m (fun j r => forall z, near n r p z -> forall i, (i < n)%nat ->
      is_partial (Z j) i z (DZ j i z)))
      as (r & Hr & K).
    { intros j d d' H Hd z Hz. apply H. intros i Hi. specialize (Hz i Hi). lra. }
    { intros j Hj. apply HC; auto. }
    exists r. split; auto. intros z Hz i Hi. apply softmax_gradient; auto.
  - intros i Hi. unfold probability_grad.
    assert (HZ : forall j, (j < m)%nat -> cont_at n (Z j) p) by (intros; eapply C1_continuous; eauto).
    assert (HD : forall j, (j < m)%nat -> cont_at n (DZ j i) p) by (intros j Hj; apply (HC j Hj); auto).
    apply (cont_mult n (probability m Z c)
      (fun z => sum_others m c (fun j => probability m Z j z * (DZ c i z - DZ j i z)))); [apply probability_cont;
          auto|].
    apply (cont_sum n m (fun j z => if Nat.eqb j c then 0 else probability m Z j z * (DZ c i z - DZ j i z))).
    intros j Hj. destruct (Nat.eqb j c); [apply cont_const|].
    apply (cont_mult n (probability m Z j) (fun z => DZ c i z - DZ j i z)); [apply probability_cont; auto|].
    apply (cont_plus n (DZ c i) (fun z => - DZ j i z)); auto.
    apply (cont_comp n (DZ j i) Ropp); auto. apply continuity_pt_opp, derivable_continuous_pt, derivable_pt_id.
Qed.

(** BASE.uniform *)
Theorem uniform_baseline x x' c : (c < m)%nat ->
  (forall t, 0 <= t <= 1 -> forall j, (j < m)%nat -> C1_at n (Z j) (DZ j) (segment x' x t)) ->
  probability m Z c x' = 1 / INR m ->
  sumR n (IG (probability_grad m Z DZ c) x x') = probability m Z c x - 1 / INR m.
Proof.
  intros Hc HC Hu. rewrite <- Hu. apply completeness; [apply probability_Rn; auto|].
  intros t Ht. apply probability_C1; auto.
Qed.

(** y_c sum_(j <> c) y_j (a_c - a_j), summed over c, is antisymmetric. *)
Lemma probability_grad_sum i z : sumR m (fun c => probability_grad m Z DZ c i z) = 0.
Proof.
  set (y := fun j => probability m Z j z). set (a := fun j => DZ j i z).
  assert (E : sumR m (fun c => probability_grad m Z DZ c i z) =
      sumR m (fun c => sumR m (fun j => y c * y j * (a c - a j)))).
  { apply sumR_ext. intros c Hc. unfold probability_grad. fold (y c) (a c).
    pose proof (sum_others_plus m c (fun j => y j * (a c - a j)) Hc) as K. cbv beta in K.
    rewrite Rminus_eq_0, Rmult_0_r, Rplus_0_r in K. unfold y, a in *. rewrite K, <- sumR_scal.
    apply sumR_ext. intros; ring. }
  pose proof (sumR_swap m m (fun c j => y c * y j * (a c - a j))) as S.
  cbv beta in S.
  rewrite (sumR_ext m (fun j => sumR m (fun c => y c * y j * (a c - a j)))
    (fun j => -1 * sumR m (fun c => y j * y c * (a j - a c)))) in S
    by (intros; rewrite <- sumR_scal; apply sumR_ext; intros; ring).
  rewrite sumR_scal in S. lra.
Qed.

(** BASE.uniform: Whatever the baseline. *)
Theorem classes_vanish x x' i :
  (forall c, (c < m)%nat -> ex_RInt (fun t => probability_grad m Z DZ c i (segment x' x t)) 0 1) ->
  sumR m (fun c => IG (probability_grad m Z DZ c) x x' i) = 0.
Proof.
  intros Hex. unfold IG. rewrite sumR_scal.
  assert (E : sumR m (fun c => RInt (fun t => probability_grad m Z DZ c i (segment x' x t)) 0 1) = 0); [|rewrite E;
      ring].
  rewrite <- (@is_RInt_unique R_CompleteNormedModule _ _ _ _
    (is_RInt_sumR m (fun c t => probability_grad m Z DZ c i (segment x' x t)) _ 0 1
      (fun c Hc => @RInt_correct R_CompleteNormedModule _ _ _ (Hex c Hc)))).
  rewrite (RInt_ext _ (fun _ => 0)) by (intros; apply probability_grad_sum).
  rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
Qed.
End Softmax.

(** BASE.uniform: Any attribution that is complete for every class. *)
Theorem uniform_complete n m (A : nat -> nat -> R) (y : nat -> point -> R) x x' :
  (0 < m)%nat -> (forall z, sumR m (fun c => y c z) = 1) ->
  (forall c, (c < m)%nat -> sumR n (A c) = y c x - y c x') ->
  (forall c, (c < m)%nat -> y c x' = 1 / INR m) ->
  (forall c, (c < m)%nat -> sumR n (A c) = y c x - 1 / INR m) /\ sumR m (fun c => sumR n (A c)) = 0.
Proof.
  intros Hm Hy HA Hu. split.
  - intros c Hc. rewrite HA, Hu by auto. reflexivity.
  - rewrite (sumR_ext m _ (fun c => y c x - y c x')) by auto. rewrite sumR_minus, !Hy. ring.
Qed.

(** BASE.search *)
Theorem search_keeps_best objective b0 candidate k :
  objective (best objective b0 candidate k) <= objective b0 /\
  forall j, (j < k)%nat -> objective (best objective b0 candidate k) <= objective (candidate j).
Proof.
  induction k as [|k [IH1 IH2]]; simpl; [split; [lra | intros; lia]|].
  destruct (Rlt_dec (objective (candidate k)) (objective (best objective b0 candidate k))) as [H|H].
  - split; [lra|]. intros j Hj. destruct (Nat.eq_dec j k) as [->|Hn]; [lra|].
    assert (j < k)%nat as Hjk by lia. specialize (IH2 j Hjk). lra.
  - split; [lra|]. intros j Hj. destruct (Nat.eq_dec j k) as [->|Hn]; [lra|]. apply IH2. lia.
Qed.

(** BASE.search *)
Theorem search_stays_inside (inside : point -> Prop) objective b0 candidate k :
  inside b0 -> (forall j, (j < k)%nat -> inside (candidate j)) -> inside (best objective b0 candidate k).
Proof.
  intros H0. induction k as [|k IH]; intros H; simpl; auto.
  destruct (Rlt_dec _ _); [apply H; lia | apply IH; intros; apply H; lia].
Qed.

(** BASE.search *)
Theorem search_nearer_uniform n lambda distance b0 candidate k : (0 < n)%nat -> 0 <= lambda < 1 ->
  distance (best (search_objective n lambda distance b0) b0 candidate k) <= distance b0.
Proof.
  intros Hn Hl. set (b := best (search_objective n lambda distance b0) b0 candidate k).
  destruct (search_keeps_best (search_objective n lambda distance b0) b0 candidate k) as [H _]. fold b in H.
  unfold search_objective in H.
  assert (E : sumR n (fun i => (b0 i - b0 i) ^ 2) = 0) by (apply sumR_0; intros; ring).
  assert (P : 0 <= sumR n (fun i => (b i - b0 i) ^ 2)) by (apply sumR_ge0; intros; apply pow2_ge_0).
  rewrite E in H. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (0 <= lambda * (sumR n (fun i => (b i - b0 i) ^ 2) / INR n)).
  { apply Rmult_le_pos; [lra|]. apply Rdiv_le_0_compat; auto. }
  apply (Rmult_le_reg_l (1 - lambda)); [lra|]. unfold Rdiv in H. rewrite Rmult_0_l in H. unfold Rdiv in *. lra.
Qed.
