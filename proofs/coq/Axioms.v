(** Which axioms does every path attribution obey, and which hold on segments?  (PATH, IG) *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental Completeness.
Open Scope R_scope.

Lemma segment_end x' x : segment x' x 1 = x.
Proof. apply functional_extensionality. intros i. unfold segment. ring. Qed.
Lemma segment_start x' x : segment x' x 0 = x'.
Proof. apply functional_extensionality. intros i. unfold segment. ring. Qed.

(** Two functions that agree off a countable set have the same integral. *)
Lemma RInt_ext_off (f g : R -> R) E : countable E -> ex_RInt f 0 1 -> ex_RInt g 0 1 ->
  (forall t, 0 < t < 1 -> ~ E t -> f t = g t) -> RInt f 0 1 = RInt g 0 1.
Proof.
  intros HE Hf Hg H.
  assert (K : is_RInt (fun t => f t - g t) 0 1 (0 - 0)).
  { apply (fundamental (fun _ => 0) _ E); auto; try lra.
    - intros; apply continuous_const.
    - intros t Ht Hn. rewrite H, Rminus_eq_0 by auto. apply (@is_derive_const R_AbsRing R_NormedModule).
    - apply (@ex_RInt_minus R_NormedModule); auto. }
  apply (@is_RInt_unique R_CompleteNormedModule) in K.
  assert (L : RInt (fun t => f t - g t) 0 1 = RInt f 0 1 - RInt g 0 1).
  { apply (@RInt_minus R_CompleteNormedModule); auto. }
  rewrite L in K. lra.
Qed.

(** PATH.implementation_invariance: two gradients of F that exist off countably many times. *)
Theorem implementation_invariance F D D' g dg E i :
  countable E ->
  (forall t, 0 < t < 1 -> ~ E t -> is_partial F i (g t) (D i (g t)) /\ is_partial F i (g t) (D' i (g t))) ->
  ex_RInt (fun t => D i (g t) * dg t i) 0 1 -> ex_RInt (fun t => D' i (g t) * dg t i) 0 1 ->
  attribution D g dg i = attribution D' g dg i.
Proof.
  intros HE H HD HD'. unfold attribution. apply (RInt_ext_off _ _ E); auto.
  intros t Ht Hn. destruct (H t Ht Hn) as [H1 H2]. f_equal.
  rewrite <- (is_derive_unique _ _ _ H1). apply is_derive_unique. auto.
Qed.

Lemma not_depending_partial F i z l :
  (forall y s, F (upd y i s) = F y) -> is_partial F i z l -> l = 0.
Proof.
  intros H Hp. unfold is_partial in Hp.
  rewrite <- (is_derive_unique _ _ _ Hp).
  rewrite (Derive_ext _ (fun _ => F z)) by (intros; apply H). apply Derive_const.
Qed.

(** PATH.dummy *)
Theorem dummy F D g dg E i :
  countable E -> (forall y s, F (upd y i s) = F y) ->
  (forall t, 0 < t < 1 -> ~ E t -> is_partial F i (g t) (D i (g t))) ->
  ex_RInt (fun t => D i (g t) * dg t i) 0 1 ->
  attribution D g dg i = 0.
Proof.
  intros HE HF H Hex. unfold attribution.
  transitivity (RInt (fun _ => 0) 0 1).
  - apply (RInt_ext_off _ _ E); auto.
    + apply (@ex_RInt_const R_NormedModule).
    + intros t Ht Hn. rewrite (not_depending_partial F i (g t) (D i (g t))); auto. ring.
  - rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
Qed.

(** A coordinate that does not move on the path gets nothing. *)
Lemma unmoved D g dg k : (forall t, 0 < t < 1 -> dg t k = 0) -> attribution D g dg k = 0.
Proof.
  intros H. unfold attribution. transitivity (RInt (fun _ => 0) 0 1).
  - apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. rewrite H by auto.
    match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
  - rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
Qed.

(** IG.sensitivity for paths: coordinate i alone moves, so that it carries the whole difference. *)
Theorem sensitivity_path n F D g dg i :
  on_Rn n F -> (i < n)%nat -> (forall t, 0 <= t <= 1 -> C1_at n F D (g t)) -> C1_path n g dg ->
  (forall k, (k < n)%nat -> k <> i -> forall t, 0 <= t <= 1 -> g t k = g 0 k) ->
  attribution D g dg i = F (g 1) - F (g 0).
Proof.
  intros Hn Hi HC Hg Hk. rewrite <- (completeness_smooth n F D g dg Hn HC Hg). symmetry.
  apply sumR_single; auto. intros k Hkn Hki. apply unmoved. intros t Ht.
  rewrite <- (is_derive_unique _ _ _ (proj1 (Hg k Hkn t ltac:(lra)))).
  rewrite (Derive_ext_loc _ (fun _ => g 0 k)); [apply Derive_const|].
  exists (mkposreal (Rmin t (1 - t)) ltac:(apply Rmin_pos; lra)).
  intros s Hs. unfold ball in Hs; simpl in Hs. unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
  apply Rabs_lt_between in Hs. pose proof (Rmin_l t (1 - t)). pose proof (Rmin_r t (1 - t)).
  apply Hk; auto. lra.
Qed.

Theorem unchanged_input D x x' i : x i = x' i -> IG D x x' i = 0.
Proof. intros H. unfold IG. rewrite H. ring. Qed.

(** IG.sensitivity: only coordinate i differs: it carries the whole difference. *)
Theorem sensitivity n F D x x' i :
  on_Rn n F -> (i < n)%nat ->
  (forall t, 0 <= t <= 1 -> C1_at n F D (segment x' x t)) ->
  (forall k, (k < n)%nat -> k <> i -> x k = x' k) ->
  IG D x x' i = F x - F x'.
Proof.
  intros Hn Hi HC Hx. rewrite <- (completeness n F D x x' Hn HC).
  symmetry. apply sumR_single; auto. intros; apply unchanged_input; auto.
Qed.

(** ... and that is not zero where the scores differ. *)
Corollary sensitivity_not_0 n F D x x' i :
  on_Rn n F -> (i < n)%nat ->
  (forall t, 0 <= t <= 1 -> C1_at n F D (segment x' x t)) ->
  (forall k, (k < n)%nat -> k <> i -> x k = x' k) -> F x <> F x' ->
  IG D x x' i = F x - F x' /\ IG D x x' i <> 0.
Proof. intros Hn Hi HC Hx HF. rewrite (sensitivity n F D x x' i) by auto. split; lra. Qed.

(** PATH.linearity *)
Theorem linearity a b D D' g dg i :
  ex_RInt (fun t => D i (g t) * dg t i) 0 1 ->
  ex_RInt (fun t => D' i (g t) * dg t i) 0 1 ->
  attribution (fun k z => a * D k z + b * D' k z) g dg i = a * attribution D g dg i + b * attribution D' g dg i.
Proof.
  intros HD HE. unfold attribution. apply (@is_RInt_unique R_CompleteNormedModule).
  apply is_RInt_ext with (fun t => plus (scal a (D i (g t) * dg t i)) (scal b (D' i (g t) * dg t i))).
  - intros t _. unfold plus, scal; simpl; unfold mult; simpl. ring.
  - apply (@is_RInt_plus R_NormedModule);
    apply (@is_RInt_scal R_NormedModule); apply (@RInt_correct R_CompleteNormedModule); auto.
Qed.

Lemma partial_linear F G i z a b l m :
  is_partial F i z l -> is_partial G i z m ->
  is_partial (fun y => a * F y + b * G y) i z (a * l + b * m).
Proof.
  unfold is_partial. intros H1 H2.
  apply (@is_derive_plus R_AbsRing R_NormedModule); apply is_derive_scal; auto.
Qed.

Lemma partial_symmetric n F i j z l m :
  on_Rn n F -> symmetric i j F -> z i = z j ->
  is_partial F i z l -> is_partial F j z m -> l = m.
Proof.
  intros Hn HS Hz Hi Hj. unfold is_partial in *.
  rewrite <- (is_derive_unique _ _ _ Hi), <- (is_derive_unique _ _ _ Hj), Hz.
  apply Derive_ext. intros s. rewrite <- (HS (upd z i s)).
  apply Hn. intros k _. unfold swap, upd.
  destruct (Nat.eqb_spec k i), (Nat.eqb_spec k j), (Nat.eqb_spec i j), (Nat.eqb_spec j i),
    (Nat.eqb_spec i i), (Nat.eqb_spec j j); subst; congruence.
Qed.

(** IG.symmetry *)
Theorem symmetry n F D x x' i j :
  on_Rn n F -> symmetric i j F -> x i = x j -> x' i = x' j ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t)) /\
                          is_partial F j (segment x' x t) (D j (segment x' x t))) ->
  IG D x x' i = IG D x x' j.
Proof.
  intros Hn HS Hx Hx' HD. unfold IG. rewrite Hx, Hx'. f_equal.
  apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  destruct (HD t Ht) as [H1 H2].
  apply (partial_symmetric n F i j (segment x' x t)); auto.
  unfold segment. congruence.
Qed.

(** IG.null_path *)
Theorem null_path D x x' i : (forall k, x k = x' k) -> IG D x x' i = 0.
Proof. intros H. apply unchanged_input. auto. Qed.

(** IG.permutation_equivariance: sigma permutes the first n coordinates, tau undoes it, and the permuted function
    is z |-> F (z o sigma). *)
Theorem permutation_equivariance n F D D' sigma tau x x' i :
  on_Rn n F -> (i < n)%nat ->
  (forall k, (k < n)%nat -> (sigma k < n)%nat /\ tau (sigma k) = k) ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t))) ->
  (forall t, 0 < t < 1 -> is_partial (fun z => F (fun k => z (sigma k))) (sigma i)
    (segment (fun k => x' (tau k)) (fun k => x (tau k)) t)
    (D' (sigma i) (segment (fun k => x' (tau k)) (fun k => x (tau k)) t))) ->
  IG D' (fun k => x (tau k)) (fun k => x' (tau k)) (sigma i) = IG D x x' i.
Proof.
  intros Hn Hi Hp HD HD'. unfold IG. rewrite (proj2 (Hp i Hi)). f_equal. apply RInt_ext. intros t Ht.
  rewrite Rmin_left, Rmax_right in Ht by lra. specialize (HD t Ht). specialize (HD' t Ht).
  unfold is_partial in *.
  rewrite <- (is_derive_unique _ _ _ HD), <- (is_derive_unique _ _ _ HD').
  replace (segment (fun k => x' (tau k)) (fun k => x (tau k)) t (sigma i)) with (segment x' x t i)
    by (unfold segment; rewrite (proj2 (Hp i Hi)); reflexivity).
  apply Derive_ext. intros s. apply Hn. intros k Hk. unfold upd, segment.
  destruct (Hp k Hk) as [Hk1 Hk2]. destruct (Hp i Hi) as [Hi1 Hi2].
  destruct (Nat.eqb_spec (sigma k) (sigma i)) as [E|E], (Nat.eqb_spec k i) as [E'|E']; subst; auto.
  - exfalso. apply E'. congruence.
  - congruence.
  - rewrite Hk2. reflexivity.
Qed.

(** IG.affine_scale_invariance: coordinate k becomes c_k z_k + b_k, and the function undoes that. *)
Theorem affine_scale_invariance F D D' b c x x' i :
  (forall k, c k <> 0) ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t))) ->
  (forall t, 0 < t < 1 -> is_partial (fun z => F (fun k => (z k - b k) / c k)) i
    (segment (fun k => c k * x' k + b k) (fun k => c k * x k + b k) t)
    (D' i (segment (fun k => c k * x' k + b k) (fun k => c k * x k + b k) t))) ->
  ex_RInt (fun t => D i (segment x' x t)) 0 1 ->
  IG D' (fun k => c k * x k + b k) (fun k => c k * x' k + b k) i = IG D x x' i.
Proof.
  intros Hc HD HD' Hex. unfold IG.
  replace (RInt (fun t => D' i (segment (fun k => c k * x' k + b k) (fun k => c k * x k + b k) t)) 0 1)
    with (/ c i * RInt (fun t => D i (segment x' x t)) 0 1); [field; auto|].
  symmetry. apply (@is_RInt_unique R_CompleteNormedModule).
  apply is_RInt_ext with (fun t => scal (/ c i) (D i (segment x' x t))).
  2:{ apply (@is_RInt_scal R_NormedModule). apply (@RInt_correct R_CompleteNormedModule). auto. }
  intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. specialize (HD t Ht). specialize (HD' t Ht).
  set (y := segment x' x t) in *.
  set (z := segment (fun k => c k * x' k + b k) (fun k => c k * x k + b k) t) in *.
  assert (Ez : forall k, z k = c k * y k + b k) by (intros k; unfold z, y, segment; ring).
  unfold is_partial in *. rewrite <- (is_derive_unique _ _ _ HD').
  symmetry. apply is_derive_unique.
  apply (is_derive_ext (fun s => F (upd y i ((s - b i) / c i)))).
  { intros s. f_equal. apply functional_extensionality. intros k. unfold upd.
    destruct (Nat.eqb_spec k i) as [->|E]; auto. rewrite Ez. field; auto. }
  apply (is_derive_comp (fun u => F (upd y i u)) (fun s => (s - b i) / c i)).
  - replace ((z i - b i) / c i) with (y i) by (rewrite Ez; field; auto). exact HD.
  - auto_derive; auto. field; auto.
Qed.

(** IG.reversal *)
Theorem reversal D x x' i :
  ex_RInt (fun t => D i (segment x' x t)) 0 1 -> IG D x' x i = - IG D x x' i.
Proof.
  intros Hex. unfold IG.
  replace (RInt (fun t => D i (segment x x' t)) 0 1) with (RInt (fun t => D i (segment x' x t)) 0 1); [ring|].
  symmetry. apply (@is_RInt_unique R_CompleteNormedModule).
  apply is_RInt_ext with (fun t => opp (scal (-1) (D i (segment x' x (-1 * t + 1))))).
  - intros t _. replace (segment x' x (-1 * t + 1)) with (segment x x' t).
    + unfold opp, scal; simpl; unfold mult; simpl. ring.
    + apply functional_extensionality. intros k. unfold segment. ring.
  - replace (RInt (fun t => D i (segment x' x t)) 0 1) with (opp (opp (RInt (fun t => D i (segment x' x t)) 0 1)))
      by (unfold opp; simpl; ring).
    apply (@is_RInt_opp R_NormedModule).
    apply (@is_RInt_comp_lin R_NormedModule (fun t => D i (segment x' x t)) (-1) 1 0 1).
    replace (-1 * 0 + 1) with 1 by ring. replace (-1 * 1 + 1) with 0 by ring.
    apply (@is_RInt_swap R_NormedModule). apply (@RInt_correct R_CompleteNormedModule). auto.
Qed.

(** The attribution on a part of the segment. *)
Lemma IG_part D x x' i a b : a <= b -> ex_RInt (fun t => D i (segment x' x t)) a b ->
  IG D (segment x' x b) (segment x' x a) i = (x i - x' i) * RInt (fun t => D i (segment x' x t)) a b.
Proof.
  intros Hab Hex. unfold IG.
  replace (segment x' x b i - segment x' x a i) with ((b - a) * (x i - x' i)) by (unfold segment; ring).
  rewrite (Rmult_comm (b - a)), Rmult_assoc. f_equal.
  rewrite <- (@RInt_scal R_CompleteNormedModule _ 0 1 (b - a)).
  - transitivity (RInt (fun t => scal (b - a) (D i (segment x' x ((b - a) * t + a)))) 0 1).
    + apply RInt_ext. intros t _. do 2 f_equal. apply functional_extensionality. intros k. unfold segment. ring.
    + rewrite (@RInt_comp_lin R_CompleteNormedModule (fun t => D i (segment x' x t))).
      * f_equal; ring.
      * replace ((b - a) * 0 + a) with a by ring. replace ((b - a) * 1 + a) with b by ring. auto.
  - destruct (Req_dec a b) as [->|Hne].
    + apply (ex_RInt_ext (fun _ => D i (segment x' x b))).
      * intros t _. f_equal. apply functional_extensionality. intros k. unfold segment. ring.
      * apply (@ex_RInt_const R_NormedModule).
    + apply (ex_RInt_ext (fun t => scal (/ (b - a)) (scal (b - a) (D i (segment x' x ((b - a) * t + a)))))).
      * intros t _. unfold scal; simpl; unfold mult; simpl.
        replace (segment (segment x' x a) (segment x' x b) t) with (segment x' x ((b - a) * t + a)); [field; lra|].
        apply functional_extensionality. intros k. unfold segment. ring.
      * apply (@ex_RInt_scal R_NormedModule).
        apply (@ex_RInt_comp_lin R_NormedModule (fun t => D i (segment x' x t))).
        replace ((b - a) * 0 + a) with a by ring. replace ((b - a) * 1 + a) with b by ring. auto.
Qed.

(** IG.segment_additivity *)
Theorem segment_additivity D x x' s i :
  0 <= s <= 1 -> ex_RInt (fun t => D i (segment x' x t)) 0 1 ->
  IG D x x' i = IG D (segment x' x s) x' i + IG D x (segment x' x s) i.
Proof.
  intros Hs Hex.
  assert (H1 : ex_RInt (fun t => D i (segment x' x t)) 0 s).
  { apply (@ex_RInt_Chasles_1 R_CompleteNormedModule) with 1; auto. }
  assert (H2 : ex_RInt (fun t => D i (segment x' x t)) s 1).
  { apply (@ex_RInt_Chasles_2 R_CompleteNormedModule) with 0; auto. }
  pose proof (IG_part D x x' i 0 s ltac:(lra) H1) as A. rewrite segment_start in A.
  pose proof (IG_part D x x' i s 1 ltac:(lra) H2) as B. rewrite segment_end in B.
  rewrite A, B, <- Rmult_plus_distr_l. unfold IG. f_equal. symmetry.
  apply (@RInt_Chasles R_CompleteNormedModule); auto.
Qed.

(** PATH.reparametrization: a C1 change of the parameter that keeps the ends. *)
Theorem reparametrization D g dg sigma dsigma i :
  (forall t, 0 <= t <= 1 -> is_derive sigma t (dsigma t) /\ continuous dsigma t) ->
  sigma 0 = 0 -> sigma 1 = 1 ->
  (forall t, 0 <= t <= 1 -> continuous (fun s => D i (g s) * dg s i) (sigma t)) ->
  attribution D (fun t => g (sigma t)) (fun t k => dsigma t * dg (sigma t) k) i = attribution D g dg i.
Proof.
  intros Hs H0 H1 Hc. unfold attribution.
  transitivity (RInt (fun s => D i (g s) * dg s i) (sigma 0) (sigma 1)); [|rewrite H0, H1; reflexivity].
  rewrite <- (@RInt_comp R_CompleteNormedModule (fun s => D i (g s) * dg s i) sigma dsigma 0 1).
  - apply RInt_ext. intros t _. unfold scal; simpl; unfold mult; simpl.
    match goal with |- @eq _ ?u ?v => change (@eq R u v) end. ring.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. auto.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. auto.
Qed.

Lemma nondecreasing_derive f t l : (forall s s', s <= s' -> f s <= f s') -> is_derive f t l -> 0 <= l.
Proof.
  intros Hf H. apply Rnot_lt_le. intros Hl. apply is_derive_Reals in H.
  destruct (H (- l) ltac:(lra)) as [d Hd]. specialize (Hd (d / 2)).
  pose proof (cond_pos d). specialize (Hd ltac:(lra) ltac:(rewrite Rabs_pos_eq; lra)).
  pose proof (Hf t (t + d / 2) ltac:(lra)).
  assert (0 <= (f (t + d / 2) - f t) / (d / 2)) by (apply Rdiv_le_0_compat; lra).
  apply Rabs_lt_between in Hd. lra.
Qed.

(** IG.nondecreasing_positivity *)
Theorem nondecreasing_positivity F D x x' i :
  (forall t, 0 < t < 1 -> forall s s', s <= s' -> F (upd (segment x' x t) i s) <= F (upd (segment x' x t) i s')) ->
  (forall t, 0 < t < 1 -> is_partial F i (segment x' x t) (D i (segment x' x t))) ->
  ex_RInt (fun t => D i (segment x' x t)) 0 1 -> x' i <= x i ->
  0 <= IG D x x' i.
Proof.
  intros HF HD Hex Hx. unfold IG. apply Rmult_le_pos; [lra|].
  apply Rle_trans with (RInt (fun _ : R => 0) 0 1).
  { rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. lra. }
  apply RInt_le; auto; try lra.
  - apply (@ex_RInt_const R_NormedModule).
  - intros t Ht. apply (nondecreasing_derive (fun s => F (upd (segment x' x t) i s)) (segment x' x t i)); auto.
    apply HD; auto.
Qed.

(** IG.symmetric_monotonicity *)
Theorem symmetric_monotonicity D D' x x' y y' i j :
  ex_RInt (fun t => D i (segment x' x t)) 0 1 -> ex_RInt (fun t => D' j (segment y' y t)) 0 1 ->
  (forall t, 0 < t < 1 -> D i (segment x' x t) <= D' j (segment y' y t)) ->
  x i - x' i = y j - y' j -> 0 <= x i - x' i ->
  IG D x x' i <= IG D' y y' j.
Proof.
  intros H1 H2 H Hd Hp. unfold IG. rewrite <- Hd. apply Rmult_le_compat_l; auto.
  apply RInt_le; auto; lra.
Qed.
