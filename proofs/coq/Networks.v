(** Are the gradients of automatic differentiation complete, whatever a library returns at a kink?
    (PATH.completeness.autodiff)

    Where a pre-activation sits at a kink and moves, it does so at an isolated time: such times are countably many.
    Where it sits at a kink and does not move, the arbitrary value multiplies zero. *)
From Coq Require Import Reals Lra Lia Arith Classical.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Completeness Fundamental.
Open Scope R_scope.

(** The chain rule holds for phi off a countable set. *)
Definition derivable_off (phi psi : R -> R) : Prop :=
  exists E, countable E /\ forall t, 0 < t < 1 -> ~ E t -> is_derive phi t (psi t).

Lemma moving_isolated phi t l : is_derive phi t l -> l <> 0 -> isolated phi t.
Proof.
  intros H Hl. apply is_derive_Reals in H. destruct (H (Rabs l) (Rabs_pos_lt _ Hl)) as [d Hd].
  exists d. split; [apply cond_pos|]. intros s Hs E. apply NNPP. intros Hn.
  specialize (Hd (s - t) ltac:(lra) Hs). replace (t + (s - t)) with s in Hd by ring.
  rewrite E, Rminus_eq_0 in Hd. unfold Rdiv in Hd. rewrite Rmult_0_l, Rminus_0_l, Rabs_Ropp in Hd. lra.
Qed.

(** A locally Lipschitz function of something that does not move does not move. *)
Lemma lipschitz_derive_0 (f phi : R -> R) t M d : 0 < d ->
  (forall v, Rabs (v - phi t) < d -> Rabs (f v - f (phi t)) <= M * Rabs (v - phi t)) ->
  is_derive phi t 0 -> is_derive (fun s => f (phi s)) t 0.
Proof.
  intros Hd HM H. pose proof H as H'. apply is_derive_Reals. apply is_derive_Reals in H. intros eps Heps.
  set (m := 1 + Rabs M). assert (Hm : 1 <= m) by (unfold m; pose proof (Rabs_pos M); lra).
  destruct (H (eps / m) ltac:(apply Rdiv_lt_0_compat; lra)) as [d1 Hd1].
  destruct (H (d) Hd) as [d2 Hd2].
  assert (Hdel : 0 < Rmin 1 (Rmin d1 d2)).
  { apply Rmin_pos; [lra|]. apply Rmin_pos; apply cond_pos. }
  exists (mkposreal _ Hdel). intros h Hh0 Hh; simpl in Hh.
  pose proof (Rmin_l 1 (Rmin d1 d2)). pose proof (Rmin_r 1 (Rmin d1 d2)).
  pose proof (Rmin_l d1 d2). pose proof (Rmin_r d1 d2).
  specialize (Hd1 h Hh0 ltac:(lra)). specialize (Hd2 h Hh0 ltac:(lra)). rewrite Rminus_0_r in *.
  assert (Hh1 : 0 < Rabs h) by (apply Rabs_pos_lt; auto).
  unfold Rdiv in Hd1, Hd2 |- *. rewrite Rabs_mult, Rabs_inv in *.
  assert (Inv : 0 < / Rabs h) by (apply Rinv_0_lt_compat; auto).
  assert (Hnear : Rabs (phi (t + h) - phi t) < d).
  { apply (Rmult_lt_reg_r (/ Rabs h)); auto. eapply Rlt_le_trans; [exact Hd2|].
    rewrite <- (Rmult_1_r d) at 1. apply Rmult_le_compat_l; [lra|].
    rewrite <- Rinv_1. apply Rinv_le_contravar; lra. }
  specialize (HM _ Hnear).
  apply Rle_lt_trans with (m * (Rabs (phi (t + h) - phi t) * / Rabs h)).
  - rewrite <- Rmult_assoc. apply Rmult_le_compat_r; [lra|]. eapply Rle_trans; [exact HM|].
    apply Rmult_le_compat_r; [apply Rabs_pos|]. unfold m. pose proof (RRle_abs M). lra.
  - apply (Rmult_lt_compat_l m) in Hd1; [|lra].
    replace (m * (eps * / m)) with eps in Hd1 by (field; lra). exact Hd1.
Qed.

Lemma derivable_act f df phi psi : activation f df -> derivable_off phi psi ->
  derivable_off (fun t => f (phi t)) (fun t => df (phi t) * psi t).
Proof.
  intros [(K & HK & Hder) Hlip] (E & HE & Hphi).
  exists (fun t => E t \/ (0 < t < 1 /\ K (phi t) /\ isolated phi t)).
  split; [apply countable_or; auto; apply isolated_countable; auto|].
  intros t Ht Hn. assert (Hd : is_derive phi t (psi t)) by (apply Hphi; auto).
  destruct (classic (K (phi t))) as [Hk|Hk].
  - destruct (Req_dec (psi t) 0) as [E0|E0].
    + rewrite E0, Rmult_0_r. destruct (Hlip (phi t)) as (M & d & Hd0 & HM).
      apply (lipschitz_derive_0 f phi t M d); auto. rewrite <- E0; auto.
    + exfalso. apply Hn. right. split; [auto|split; auto]. apply (moving_isolated phi t (psi t)); auto.
  - rewrite Rmult_comm. apply (is_derive_comp f phi); auto.
Qed.

Lemma kink_derive l r c0 u : u <> 0 -> is_derive (kink l r) u (slope l r c0 u).
Proof.
  intros Hu. unfold slope.
  destruct (Rlt_dec u 0) as [H|H]; [|destruct (Rlt_dec 0 u) as [H'|H']; [|lra]].
  + apply (is_derive_ext_loc (fun s => l * s)).
    * exists (mkposreal (- u) ltac:(lra)). intros s Hs.
      unfold ball in Hs; simpl in Hs; unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_lt_between in Hs. unfold kink. destruct (Rlt_dec s 0); [reflexivity | lra].
    * auto_derive; auto; ring.
  + apply (is_derive_ext_loc (fun s => r * s)).
    * exists (mkposreal u H'). intros s Hs.
      unfold ball in Hs; simpl in Hs; unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_lt_between in Hs. unfold kink. destruct (Rlt_dec s 0); [lra | reflexivity].
    * auto_derive; auto; ring.
Qed.

Lemma activation_kink l r c0 : activation (kink l r) (slope l r c0).
Proof.
  split.
  - exists (fun u => u = 0). split; [apply countable_one|]. intros u Hu. apply kink_derive. auto.
  - intros u. exists (Rabs l + Rabs r), 1. split; [lra|]. intros v _. unfold kink.
    assert (P : forall c w, Rabs (c * w) = Rabs c * Rabs w) by (intros; apply Rabs_mult).
    pose proof (Rabs_pos l). pose proof (Rabs_pos r). pose proof (Rabs_pos (v - u)).
    assert (Q1 : 0 <= Rabs l * Rabs (v - u)) by (apply Rmult_le_pos; auto).
    assert (Q2 : 0 <= Rabs r * Rabs (v - u)) by (apply Rmult_le_pos; auto).
    rewrite Rmult_plus_distr_r.
    destruct (Rlt_dec v 0), (Rlt_dec u 0).
    + replace (l * v - l * u) with (l * (v - u)) by ring. rewrite P. lra.
    + replace (l * v - r * u) with (l * v + - (r * u)) by ring. eapply Rle_trans; [apply Rabs_triang|].
      rewrite Rabs_Ropp, !P. apply Rplus_le_compat; apply Rmult_le_compat_l; auto;
      rewrite (Rabs_left1 (v - u)) by lra; [rewrite Rabs_left1 | rewrite Rabs_pos_eq]; lra.
    + replace (r * v - l * u) with (- (l * u) + r * v) by ring. eapply Rle_trans; [apply Rabs_triang|].
      rewrite Rabs_Ropp, !P. apply Rplus_le_compat; apply Rmult_le_compat_l; auto;
      rewrite (Rabs_pos_eq (v - u)) by lra; [rewrite Rabs_left1 | rewrite Rabs_pos_eq]; lra.
    + replace (r * v - r * u) with (r * (v - u)) by ring. rewrite P. lra.
Qed.

Lemma max_as_kink a b : Rmax a b = b + kink 0 1 (a - b).
Proof.
  unfold kink. destruct (Rlt_dec (a - b) 0); [rewrite Rmax_right | rewrite Rmax_left]; lra.
Qed.

Lemma derivable_ext phi psi psi' : derivable_off phi psi ->
  (forall t, psi t = psi' t) -> derivable_off phi psi'.
Proof. intros (E & HE & H) Hp. exists E. split; auto. intros. rewrite <- Hp. auto. Qed.

Lemma derivable_ext_fun phi phi' psi : derivable_off phi psi ->
  (forall t, phi t = phi' t) -> derivable_off phi' psi.
Proof. intros (E & HE & H) Hp. exists E. split; auto. intros. apply (is_derive_ext phi); auto. Qed.

Lemma derivable_plus f g df dg : derivable_off f df -> derivable_off g dg ->
  derivable_off (fun t => f t + g t) (fun t => df t + dg t).
Proof.
  intros (E1 & H1 & K1) (E2 & H2 & K2). exists (fun t => E1 t \/ E2 t). split; [apply countable_or; auto|].
  intros t Ht Hn. apply (@is_derive_plus R_AbsRing R_NormedModule); auto.
Qed.

Lemma derivable_times f g df dg : derivable_off f df -> derivable_off g dg ->
  derivable_off (fun t => f t * g t) (fun t => df t * g t + f t * dg t).
Proof.
  intros (E1 & H1 & K1) (E2 & H2 & K2). exists (fun t => E1 t \/ E2 t). split; [apply countable_or; auto|].
  intros t Ht Hn. apply (@is_derive_mult R_AbsRing); auto. intros; apply Rmult_comm.
Qed.

Lemma derivable_scal c f df : derivable_off f df -> derivable_off (fun t => c * f t) (fun t => c * df t).
Proof. intros (E & HE & H). exists E. split; auto. intros. apply is_derive_scal. auto. Qed.

(** The chain rule for what automatic differentiation returns, off countably many times. *)
Lemma program_derivable n e g dg E : program n e -> path_off n E g dg ->
  derivable_off (fun t => eval e (g t)) (fun t => sumR n (fun i => grad e i (g t) * dg t i)).
Proof.
  intros He (HE & Hg). induction e; simpl in He.
  - exists E. split; auto. intros t Ht Hn. simpl. rewrite (sum_delta k n (fun i => dg t i)) by auto.
    apply Hg; auto.
  - exists E. split; auto. intros t Ht Hn. simpl. rewrite sumR_scal, Rmult_0_l.
    apply (@is_derive_const R_AbsRing R_NormedModule).
  - destruct He. eapply derivable_ext;
      [apply (derivable_plus (fun t => eval e1 (g t)) (fun t => eval e2 (g t))); eauto|].
    intros t. cbv beta. rewrite <- sumR_plus.
    apply sumR_ext. intros; simpl; ring.
  - eapply derivable_ext; [apply (derivable_scal c (fun t => eval e (g t))); eauto|].
    intros t. cbv beta. rewrite <- sumR_scal.
    apply sumR_ext. intros; simpl; ring.
  - destruct He. eapply derivable_ext;
      [apply (derivable_times (fun t => eval e1 (g t)) (fun t => eval e2 (g t))); eauto|].
    intros t. cbv beta.
    rewrite (Rmult_comm (sumR _ _) (eval e2 (g t))), <- !sumR_scal, <- sumR_plus. apply sumR_ext. intros; simpl; ring.
  - destruct He. eapply derivable_ext;
      [apply (derivable_act f df (fun t => eval e (g t))); eauto|].
    intros t. cbv beta. rewrite <- sumR_scal.
    apply sumR_ext. intros; simpl; ring.
  - destruct He as [H1 H2].
    apply (derivable_ext_fun (fun t => eval e2 (g t) + kink 0 1 (eval e1 (g t) + -1 * eval e2 (g t)))).
    2:{ intros t. simpl. rewrite max_as_kink. do 2 f_equal. ring. }
    eapply derivable_ext.
    + apply derivable_plus; [auto|].
      apply (derivable_act (kink 0 1) (slope 0 1 w)); [apply activation_kink|].
      apply derivable_plus; [auto|]. apply derivable_scal; auto.
    + intros t. simpl. rewrite <- !sumR_scal, <- sumR_plus, <- sumR_scal, <- sumR_plus. apply sumR_ext. intros i _.
      replace (eval e1 (g t) + -1 * eval e2 (g t)) with (eval e1 (g t) - eval e2 (g t)) by ring. ring.
Qed.

Lemma activation_continuous f df u : activation f df -> continuous f u.
Proof.
  intros [_ H]. destruct (H u) as (M & d & Hd & HM). apply continuity_pt_filterlim. intros eps Heps.
  set (m := 1 + Rabs M). assert (Hm : 1 <= m) by (unfold m; pose proof (Rabs_pos M); lra).
  exists (Rmin d (eps / m)). split; [apply Rmin_pos; auto; apply Rdiv_lt_0_compat; lra|].
  intros v [_ Hv]. unfold dist in *; simpl in *; unfold R_dist in *.
  pose proof (Rmin_l d (eps / m)). pose proof (Rmin_r d (eps / m)).
  eapply Rle_lt_trans; [apply HM; lra|]. apply Rle_lt_trans with (m * Rabs (v - u)).
  - apply Rmult_le_compat_r; [apply Rabs_pos|]. unfold m. pose proof (RRle_abs M). lra.
  - apply Rlt_le_trans with (m * (eps / m)); [apply Rmult_lt_compat_l; lra | right; field; lra].
Qed.

Lemma program_continuous n e (g : R -> point) (t : R) : program n e ->
  (forall i, (i < n)%nat -> continuous (fun s => g s i) t) ->
  continuous (fun s => eval e (g s)) t.
Proof.
  intros He Hg. induction e; simpl in *.
  - auto.
  - apply continuous_const.
  - destruct He. apply (@continuous_plus _ R_AbsRing R_NormedModule); auto.
  - apply (@continuous_mult _ R_AbsRing); auto. apply continuous_const.
  - destruct He. apply (@continuous_mult _ R_AbsRing); auto.
  - destruct He. apply (continuous_comp (fun s => eval e (g s)) f); auto.
    apply (activation_continuous f df). auto.
  - destruct He. apply (continuous_ext (fun s => eval e2 (g s) + kink 0 1 (eval e1 (g s) + -1 * eval e2 (g s)))).
    { intros s. rewrite max_as_kink. do 2 f_equal. ring. }
    apply (@continuous_plus _ R_AbsRing R_NormedModule); auto.
    apply (continuous_comp (fun s => eval e1 (g s) + -1 * eval e2 (g s)) (kink 0 1)).
    + apply (@continuous_plus _ R_AbsRing R_NormedModule); auto.
      apply (@continuous_mult _ R_AbsRing); auto. apply continuous_const.
    + apply (activation_continuous _ (slope 0 1 0)). apply activation_kink.
Qed.

(** PATH.completeness.autodiff: affine maps, products, maxima and activations with countably many kinks, any value
    of the derivative at a kink or a tie, on every path that is continuous and differentiable off countably many
    times. *)
Theorem completeness_autodiff n e g dg E :
  program n e -> path_off n E g dg ->
  (forall i, (i < n)%nat -> ex_RInt (fun t => grad e i (g t) * dg t i) 0 1) ->
  sumR n (attribution (grad e) g dg) = eval e (g 1) - eval e (g 0).
Proof.
  intros He Hg Hex. destruct (program_derivable n e g dg E He Hg) as (E' & HE' & Hder).
  apply (completeness_path n (eval e) (grad e) g dg E'); auto.
  intros t Ht. apply (program_continuous n); auto. intros. apply Hg; auto.
Qed.

Lemma program_on_Rn n e : program n e -> on_Rn n (eval e).
Proof.
  intros He y z H. induction e; simpl in *; auto.
  - destruct He. rewrite IHe1, IHe2; auto.
  - rewrite IHe; auto.
  - destruct He. rewrite IHe1, IHe2; auto.
  - destruct He. rewrite IHe; auto.
  - destruct He. rewrite IHe1, IHe2; auto.
Qed.

Lemma eval_ext e y z : (forall k, y k = z k) -> eval e y = eval e z.
Proof. intros H. induction e; simpl; congruence. Qed.

(** Where nothing sits at a kink, automatic differentiation returns the partial derivative. *)
Theorem grad_is_partial e i z : no_kink e z -> is_partial (eval e) i z (grad e i z).
Proof.
  unfold is_partial. induction e; intros H; cbn [eval grad no_kink] in *.
  - unfold upd. destruct (Nat.eqb_spec k i).
    + apply (@is_derive_id R_AbsRing).
    + apply (@is_derive_const R_AbsRing R_NormedModule).
  - apply (@is_derive_const R_AbsRing R_NormedModule).
  - destruct H. apply (@is_derive_plus R_AbsRing R_NormedModule); auto.
  - apply is_derive_scal; auto.
  - destruct H as [H1 H2].
    pose proof (@is_derive_mult R_AbsRing _ _ _ _ _ (IHe1 H1) (IHe2 H2) Rmult_comm) as K. cbv beta in K.
    rewrite (eval_ext e1 (upd z i (z i)) z), (eval_ext e2 (upd z i (z i)) z) in K by (apply upd_self). exact K.
  - destruct H as [H1 H2]. rewrite Rmult_comm.
    apply (is_derive_comp f (fun s => eval e (upd z i s))); auto.
    rewrite (eval_ext e (upd z i (z i)) z) by (apply upd_self). exact H2.
  - destruct H as (H1 & H2 & H3). specialize (IHe1 H1). specialize (IHe2 H2).
    apply (is_derive_ext (fun s => eval e2 (upd z i s) + kink 0 1 (eval e1 (upd z i s) - eval e2 (upd z i s)))).
    { intros s. rewrite max_as_kink. reflexivity. }
    replace (slope 0 1 w (eval e1 z - eval e2 z) * grad e1 i z + (1 - slope 0 1 w (eval e1 z - eval e2 z)) * grad e2 i z)
      with (grad e2 i z + (grad e1 i z - grad e2 i z) * slope 0 1 w (eval e1 z - eval e2 z)) by ring.
    apply (@is_derive_plus R_AbsRing R_NormedModule); auto.
    apply (is_derive_comp (kink 0 1) (fun s => eval e1 (upd z i s) - eval e2 (upd z i s))).
    + rewrite (eval_ext e1 (upd z i (z i)) z), (eval_ext e2 (upd z i (z i)) z) by (apply upd_self).
      apply kink_derive. lra.
    + apply (@is_derive_minus R_AbsRing R_NormedModule); auto.
Qed.
