(** When do the attributions of a path add up to the difference of the scores?  (PATH.completeness) *)
From Coq Require Import Reals Lra Lia Arith List.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Fundamental.
Open Scope R_scope.

Lemma segment_1 n F x' x : on_Rn n F -> F (segment x' x 1) = F x.
Proof. intros H; apply H; intros; unfold segment; ring. Qed.
Lemma segment_0 n F x' x : on_Rn n F -> F (segment x' x 0) = F x'.
Proof. intros H; apply H; intros; unfold segment; ring. Qed.

Lemma segment_derive x' x i t : is_derive (fun s => segment x' x s i) t (x i - x' i).
Proof. unfold segment. auto_derive; auto; ring. Qed.

(** The straight path is a path. *)
Lemma segment_C1 n x' x : C1_path n (segment x' x) (fun _ i => x i - x' i).
Proof. intros i Hi t Ht. split; [apply segment_derive | apply continuous_const]. Qed.

Lemma C1_path_continuous n g dg : C1_path n g dg -> forall i, (i < n)%nat -> forall t, 0 <= t <= 1 ->
  continuous (fun s => g s i) t.
Proof.
  intros H i Hi t Ht. apply (@ex_derive_continuous R_AbsRing R_NormedModule).
  eexists; apply (H i Hi t Ht).
Qed.

Lemma attribution_segment D x x' i :
  ex_RInt (fun t => D i (segment x' x t)) 0 1 ->
  attribution D (segment x' x) (fun _ k => x k - x' k) i = IG D x x' i.
Proof.
  intros H. unfold attribution, IG.
  apply (@is_RInt_unique R_CompleteNormedModule).
  apply is_RInt_ext with (fun t => scal (x i - x' i) (D i (segment x' x t))).
  - intros t _. unfold scal; simpl; unfold mult; simpl. ring.
  - apply (@is_RInt_scal R_NormedModule). apply (@RInt_correct R_CompleteNormedModule). auto.
Qed.

Lemma C1_integrable n F D g dg : (forall t, 0 <= t <= 1 -> C1_at n F D (g t)) -> C1_path n g dg ->
  forall i, (i < n)%nat -> ex_RInt (fun t => D i (g t) * dg t i) 0 1.
Proof.
  intros HC Hg i Hi. apply (@ex_RInt_continuous R_CompleteNormedModule).
  intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  apply (@continuous_mult _ R_AbsRing); [|apply Hg; auto].
  apply (cont_path n); [apply HC; auto|]. intros; apply (C1_path_continuous n g dg); auto.
Qed.

Lemma C1_segment_integrable n F D x x' : (forall t, 0 <= t <= 1 -> C1_at n F D (segment x' x t)) ->
  forall i, (i < n)%nat -> ex_RInt (fun t => D i (segment x' x t)) 0 1.
Proof.
  intros HC i Hi. apply (@ex_RInt_continuous R_CompleteNormedModule).
  intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  apply (cont_path n); [apply HC; auto|]. intros; apply (C1_path_continuous n _ _ (segment_C1 n x' x)); auto.
Qed.

Lemma sum_is_RInt n D g dg : (forall i, (i < n)%nat -> ex_RInt (fun t => D i (g t) * dg t i) 0 1) ->
  is_RInt (fun t => sumR n (fun i => D i (g t) * dg t i)) 0 1 (sumR n (attribution D g dg)).
Proof.
  intros H. apply (is_RInt_sumR n (fun i t => D i (g t) * dg t i)). intros i Hi.
  apply (@RInt_correct R_CompleteNormedModule). auto.
Qed.

Lemma sum_IG n D x x' : (forall i, (i < n)%nat -> ex_RInt (fun t => D i (segment x' x t)) 0 1) ->
  sumR n (IG D x x') = sumR n (attribution D (segment x' x) (fun _ k => x k - x' k)).
Proof. intros H. apply sumR_ext. intros i Hi. symmetry. apply attribution_segment; auto. Qed.

(** PATH.completeness: the score is continuous along the path, and the chain rule holds off countably many times. *)
Theorem completeness_path n F D g dg E :
  countable E ->
  (forall t, 0 <= t <= 1 -> continuous (fun s => F (g s)) t) ->
  (forall t, 0 < t < 1 -> ~ E t -> is_derive (fun s => F (g s)) t (sumR n (fun i => D i (g t) * dg t i))) ->
  (forall i, (i < n)%nat -> ex_RInt (fun t => D i (g t) * dg t i) 0 1) ->
  sumR n (attribution D g dg) = F (g 1) - F (g 0).
Proof.
  intros HE Hc Hd Hex.
  rewrite <- (@is_RInt_unique R_CompleteNormedModule _ _ _ _ (sum_is_RInt n D g dg Hex)).
  apply (@is_RInt_unique R_CompleteNormedModule).
  apply (fundamental (fun s => F (g s)) _ E); auto; try lra.
  eexists. apply sum_is_RInt; auto.
Qed.

(** PATH.completeness.piecewise: finitely many breakpoints, one-sided limits. *)
Theorem completeness_piecewise n F D g dg breaks :
  (forall t, 0 <= t <= 1 -> continuous (fun s => F (g s)) t) ->
  (forall t, 0 < t < 1 -> ~ In t breaks ->
     is_derive (fun s => F (g s)) t (sumR n (fun i => D i (g t) * dg t i))) ->
  (forall i, (i < n)%nat -> piecewise_continuous breaks (fun t => D i (g t) * dg t i)) ->
  sumR n (attribution D g dg) = F (g 1) - F (g 0).
Proof.
  intros Hc Hd Hp. apply (completeness_path n F D g dg (fun t => In t breaks)); auto.
  - apply countable_list.
  - intros i Hi. destruct (Hp i Hi) as (H1 & H2 & H3). apply (integrable_pieces _ breaks); auto; lra.
Qed.

(** PATH.completeness.smooth: C1 functions are complete on every C1 path. *)
Theorem completeness_smooth n F D g dg :
  on_Rn n F -> (forall t, 0 <= t <= 1 -> C1_at n F D (g t)) -> C1_path n g dg ->
  sumR n (attribution D g dg) = F (g 1) - F (g 0).
Proof.
  intros Hn HC Hg.
  rewrite <- (@is_RInt_unique R_CompleteNormedModule _ _ _ _
    (sum_is_RInt n D g dg (C1_integrable n F D g dg HC Hg))).
  apply (@is_RInt_unique R_CompleteNormedModule).
  apply (@is_RInt_derive R_CompleteNormedModule (fun s => F (g s))).
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. apply path_chain_rule; auto.
    intros; apply Hg; auto.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
    assert (G : forall m, (m <= n)%nat -> continuous (fun s => sumR m (fun i => D i (g s) * dg s i)) t).
    { induction m; intros Hm; simpl.
      - apply continuous_const.
      - apply (@continuous_plus _ R_AbsRing R_NormedModule); [apply IHm; lia|].
        apply (@continuous_mult _ R_AbsRing); [|apply Hg; auto; lia].
        apply (cont_path n); [apply HC; auto; lia|]. intros; apply (C1_path_continuous n g dg); auto. }
    apply G; lia.
Qed.

(** On the segment this is the completeness of Integrated Gradients. *)
Theorem completeness n F D x x' :
  on_Rn n F -> (forall t, 0 <= t <= 1 -> C1_at n F D (segment x' x t)) ->
  sumR n (IG D x x') = F x - F x'.
Proof.
  intros Hn HC. rewrite sum_IG by (apply (C1_segment_integrable n F); auto).
  rewrite <- (segment_1 n F x' x), <- (segment_0 n F x' x) by auto.
  apply completeness_smooth; auto. apply segment_C1.
Qed.

(** IG.discrete_residual: what a rule leaves is its quadrature error of one scalar function, the derivative of the
    score along the segment. *)
Theorem discrete_residual n F D x x' E m t w :
  on_Rn n F -> countable E ->
  (forall s, 0 <= s <= 1 -> continuous (fun s => F (segment x' x s)) s) ->
  (forall s, 0 < s < 1 -> ~ E s ->
     is_derive (fun s => F (segment x' x s)) s (sumR n (fun i => D i (segment x' x s) * (x i - x' i)))) ->
  (forall i, (i < n)%nat -> ex_RInt (fun s => D i (segment x' x s)) 0 1) ->
  let phi' := fun s => sumR n (fun i => D i (segment x' x s) * (x i - x' i)) in
  sumR n (rule_IG m t w D x x') - (F x - F x') = quadrature m t w phi' - RInt phi' 0 1.
Proof.
  intros Hn HE Hc Hd Hex phi'.
  assert (Hex' : forall i, (i < n)%nat -> ex_RInt (fun s => D i (segment x' x s) * (x i - x' i)) 0 1).
  { intros i Hi. apply ex_RInt_ext with (fun s => scal (x i - x' i) (D i (segment x' x s))).
    - intros s _. unfold scal; simpl; unfold mult; simpl. ring.
    - apply (@ex_RInt_scal R_NormedModule). auto. }
  assert (I : RInt phi' 0 1 = F x - F x').
  { rewrite <- (segment_1 n F x' x), <- (segment_0 n F x' x) by auto.
    rewrite <- (completeness_path n F D (segment x' x) (fun _ i => x i - x' i) E) by auto.
    apply (@is_RInt_unique R_CompleteNormedModule).
    apply (sum_is_RInt n D (segment x' x) (fun _ i => x i - x' i)); auto. }
  rewrite I. f_equal. unfold quadrature, phi'. clear - m. induction m.
  - simpl. rewrite (sumR_ext n _ (fun i => 0 * (x i - x' i))); [rewrite sumR_scal; ring|].
    intros i _. unfold rule_IG, quadrature. simpl. ring.
  - simpl. rewrite <- IHm, <- sumR_scal, <- sumR_plus. apply sumR_ext. intros i _.
    unfold rule_IG, quadrature. simpl. ring.
Qed.
