(** How do Grad-CAM, its variant with positive gradients and Grad-CAM++ relate? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums.
Open Scope R_scope.

(** CAM.plus_plus_alpha: Where 2 + g s = 0 the weight is not defined (division by zero), hence the premise. *)
Theorem plus_plus_alpha g s : g <> 0 -> 2 + g * s <> 0 -> alpha g s = 1 / (2 + g * s).
Proof.
  intros Hg Hs. unfold alpha. destruct (Req_EM_T g 0); [tauto|]. field. split; auto.
  replace (2 * g ^ 2 + s * g ^ 3) with (g * g * (2 + g * s)) by ring. auto.
Qed.

(** CAM.plus_plus_alpha: theory.md defines alpha by g; 1710.11063 by the derivatives of Y = exp S, S affine in the
    activation. *)
Theorem plus_plus_exponential g b a s : g <> 0 ->
  let Y := fun u => exp (g * u + b) in
  Derive_n Y 2 a / (2 * Derive_n Y 2 a + s * Derive_n Y 3 a) = alpha g s.
Proof.
  intros Hg Y.
  assert (D : forall n u, Derive_n Y n u = g ^ n * Y u).
  { induction n; intros u; [simpl; ring|]. simpl Derive_n.
    rewrite (Derive_ext _ (fun u => g ^ n * Y u)) by auto.
    apply is_derive_unique. unfold Y. auto_derive; auto. simpl. ring. }
  rewrite !D. unfold alpha. destruct (Req_EM_T g 0); [tauto|].
  assert (HY : Y a <> 0) by (unfold Y; pose proof (exp_pos (g * a + b)); lra).
  destruct (Req_dec (2 * g ^ 2 + s * g ^ 3) 0) as [E|E].
  - replace (2 * (g ^ 2 * Y a) + s * (g ^ 3 * Y a)) with (Y a * (2 * g ^ 2 + s * g ^ 3)) by ring.
    rewrite E, Rmult_0_r. unfold Rdiv. rewrite Rinv_0. ring.
  - field. split; auto.
    replace (2 * (g ^ 2 * Y a) + s * (g ^ 3 * Y a)) with (Y a * (2 * g ^ 2 + s * g ^ 3)) by ring.
    apply Rmult_integral_contrapositive_currified; auto.
Qed.

Lemma relu_ge0 u : 0 <= relu u.
Proof. apply Rmax_l. Qed.
Lemma relu_le u v : u <= v -> relu u <= relu v.
Proof. intros H. unfold relu. apply Rle_max_compat_l. auto. Qed.
Lemma relu_pos u : 0 <= u -> relu u = u.
Proof. intros H. apply Rmax_right. auto. Qed.
Lemma relu_scal c u : 0 <= c -> relu (c * u) = c * relu u.
Proof. intros H. unfold relu. rewrite <- RmaxRmult, Rmult_0_r by auto. reflexivity. Qed.

Lemma alpha_relu_bounds g s eps : Rabs (g * s) <= eps -> eps < 2 ->
  relu g / (2 + eps) <= alpha g s * relu g <= relu g / (2 - eps).
Proof.
  intros H He. pose proof (Rabs_pos (g * s)). apply Rabs_le_between in H.
  destruct (Req_dec g 0) as [->|Hg].
  { unfold relu. rewrite Rmax_left by lra. unfold Rdiv. rewrite !Rmult_0_l, Rmult_0_r. lra. }
  rewrite plus_plus_alpha by (auto; lra). pose proof (relu_ge0 g).
  unfold Rdiv. rewrite Rmult_1_l, !(Rmult_comm (relu g)).
  split; apply Rmult_le_compat_r; auto; apply Rinv_le_contravar; lra.
Qed.

Section Bound.
Variables (K P : nat) (g A : layer) (eps : R).
Hypothesis Heps : 0 <= eps < 2.
Hypothesis HA : forall k p, (k < K)%nat -> (p < P)%nat -> 0 <= A k p.
Hypothesis Hg : forall k p, (k < K)%nat -> (p < P)%nat -> Rabs (g k p * sumR P (A k)) <= eps.

Lemma weight_bounds k : (k < K)%nat ->
  weight_plus P g A k / (2 + eps) <= weight_plus_plus P g A k <= weight_plus P g A k / (2 - eps).
Proof.
  intros Hk. unfold weight_plus, weight_plus_plus, Rdiv. rewrite <- !sumR_scal_r.
  split; apply sumR_le; intros p Hp; apply alpha_relu_bounds; auto; lra.
Qed.

(** CAM.plus_plus_bound *)
Theorem plus_plus_bound p : (p < P)%nat ->
  cam_map K (weight_plus P g A) A p / (2 + eps) <= cam_map K (weight_plus_plus P g A) A p
    <= cam_map K (weight_plus P g A) A p / (2 - eps).
Proof.
  intros Hp. unfold cam_map, Rdiv.
  rewrite !(Rmult_comm (relu _) (/ _)), <- !relu_scal by (left; apply Rinv_0_lt_compat; lra).
  rewrite <- !sumR_scal.
  split; apply relu_le, sumR_le; intros k Hk; rewrite <- Rmult_assoc; apply Rmult_le_compat_r; auto;
    rewrite Rmult_comm; apply weight_bounds; auto.
Qed.

Lemma largest_ge n f i : (i < n)%nat -> f i <= largest n f.
Proof.
  induction n; intros Hi; [lia|]. simpl. destruct (Nat.eq_dec i n) as [->|Hn]; [apply Rmax_r|].
  eapply Rle_trans; [apply IHn; lia | apply Rmax_l].
Qed.

Lemma largest_le n f M : 0 <= M -> (forall i, (i < n)%nat -> f i <= M) -> largest n f <= M.
Proof. intros HM. induction n; intros H; simpl; auto. apply Rmax_lub; auto. Qed.


(** CAM.plus_plus_bound *)
Theorem plus_plus_normalised :
  let L := cam_map K (weight_plus P g A) A in
  let M := cam_map K (weight_plus_plus P g A) A in
  0 < largest P L ->
  forall p, (p < P)%nat -> Rabs (M p / largest P M - L p / largest P L) <= 2 * eps / (2 + eps).
Proof.
  intros L M HL p Hp.
  assert (B : forall q, (q < P)%nat -> L q / (2 + eps) <= M q <= L q / (2 - eps)) by (intros; apply plus_plus_bound;
      auto).
  assert (L0 : forall q, 0 <= L q) by (intros; apply relu_ge0).
  assert (M0 : forall q, 0 <= M q) by (intros; apply relu_ge0).
  set (a := largest P L) in *. set (b := largest P M).
  assert (Hb1 : b <= a / (2 - eps)).
  { apply largest_le; [apply Rdiv_le_0_compat; lra|]. intros q Hq. destruct (B q Hq) as [_ H].
    eapply Rle_trans; [exact H|]. unfold Rdiv. apply Rmult_le_compat_r; [left; apply Rinv_0_lt_compat; lra|].
    apply largest_ge; auto. }
  assert (Hb2 : a <= b * (2 + eps)).
  { assert (0 <= b) by (eapply Rle_trans; [apply (M0 p)|]; apply largest_ge; auto).
    apply largest_le; [apply Rmult_le_pos; lra|]. intros q Hq. destruct (B q Hq) as [H1 _].
    apply Rle_trans with (M q * (2 + eps)).
    - apply (Rmult_le_reg_r (/ (2 + eps))); [apply Rinv_0_lt_compat; lra|].
      replace (M q * (2 + eps) * / (2 + eps)) with (M q) by (field; lra). exact H1.
    - apply Rmult_le_compat_r; [lra|]. apply largest_ge; auto. }
  assert (Hb : 0 < b).
  { apply Rnot_le_lt. intros Hn. assert (b * (2 + eps) <= 0) by (rewrite <- (Rmult_0_l (2 + eps));
      apply Rmult_le_compat_r; lra). lra. }
  assert (Ha1 : b * (2 - eps) <= a).
  { apply (Rmult_le_reg_r (/ (2 - eps))); [apply Rinv_0_lt_compat; lra|].
    replace (b * (2 - eps) * / (2 - eps)) with b by (field; lra). exact Hb1. }
  destruct (B p Hp) as [P1 P2].
  assert (P1' : L p <= M p * (2 + eps)).
  { apply (Rmult_le_reg_r (/ (2 + eps))); [apply Rinv_0_lt_compat; lra|].
    replace (M p * (2 + eps) * / (2 + eps)) with (M p) by (field; lra). exact P1. }
  assert (P2' : M p * (2 - eps) <= L p).
  { apply (Rmult_le_reg_r (/ (2 - eps))); [apply Rinv_0_lt_compat; lra|].
    replace (M p * (2 - eps) * / (2 - eps)) with (M p) by (field; lra). exact P2. }
  assert (Q1 : L p <= a) by (apply largest_ge; auto). assert (Q2 : M p <= b) by (apply largest_ge; auto).
  set (u := L p / a). set (v := M p / b).
  assert (Eu : u * a = L p) by (unfold u; field; lra). assert (Ev : v * b = M p) by (unfold v; field; lra).
  assert (Hu : 0 <= u <= 1).
  { split; [apply Rdiv_le_0_compat; auto|]. apply (Rmult_le_reg_r a); auto. lra. }
  assert (Hv : 0 <= v <= 1).
  { split; [apply Rdiv_le_0_compat; auto|]. apply (Rmult_le_reg_r b); auto. lra. }
  assert (R1 : u * (2 - eps) <= v * (2 + eps)).
  { apply (Rmult_le_reg_r b); auto. apply Rle_trans with (u * a).
    - replace (u * (2 - eps) * b) with (u * (b * (2 - eps))) by ring. apply Rmult_le_compat_l; lra.
    - replace (v * (2 + eps) * b) with (v * b * (2 + eps)) by ring. rewrite Ev, Eu. auto. }
  assert (R2 : v * (2 - eps) <= u * (2 + eps)).
  { apply (Rmult_le_reg_r b); auto. apply Rle_trans with (u * a).
    - replace (v * (2 - eps) * b) with (v * b * (2 - eps)) by ring. rewrite Ev, Eu. auto.
    - replace (u * (2 + eps) * b) with (u * (b * (2 + eps))) by ring. apply Rmult_le_compat_l; lra. }
  assert (E : 2 * eps / (2 + eps) * (2 + eps) = 2 * eps) by (field; lra).
  apply Rabs_le. split; apply (Rmult_le_reg_r (2 + eps)); try lra.
  - replace (- (2 * eps / (2 + eps)) * (2 + eps)) with (- (2 * eps)) by (field; lra).
    assert (u * eps <= 1 * eps) by (apply Rmult_le_compat_r; lra). lra.
  - rewrite E. assert (v * eps <= 1 * eps) by (apply Rmult_le_compat_r; lra). lra.
Qed.
End Bound.

(** CAM.plus_plus_bound: The printed bound 2 eps / (2 - eps) is weaker. *)
Lemma normalised_bounds_compare eps : 0 <= eps < 2 -> 2 * eps / (2 + eps) <= 2 * eps / (2 - eps).
Proof.
  intros H. unfold Rdiv. apply Rmult_le_compat_l; [lra|]. apply Rinv_le_contravar; lra.
Qed.

(** CAM.plus_plus_pole *)
Theorem plus_plus_pole B s : 0 < B -> -2 < s < -2 + / B -> B < alpha 1 s * relu 1.
Proof.
  intros HB Hs. rewrite plus_plus_alpha, relu_pos by lra.
  unfold Rdiv. rewrite Rmult_1_l, Rmult_1_r, Rmult_1_l, <- (Rinv_inv B).
  apply Rinv_lt_contravar; [apply Rmult_lt_0_compat; [|apply Rinv_0_lt_compat] |]; lra.
Qed.

(** CAM.plus_plus_pole: One channel, one position, activation s: Grad-CAM with positive gradients has weight 1,
    Grad-CAM++ any weight. *)
Theorem plus_plus_pole_weight B : exists A : layer,
  weight_plus 1 (fun _ => vone) A 0 = 1 /\ B < weight_plus_plus 1 (fun _ => vone) A 0.
Proof.
  set (b := Rmax B 1). pose proof (Rmax_l B 1). pose proof (Rmax_r B 1).
  assert (0 < / b) by (apply Rinv_0_lt_compat; unfold b; lra).
  exists (fun _ _ => -2 + / b / 2).
  unfold weight_plus, weight_plus_plus, vone. simpl. rewrite !Rplus_0_l. split; [apply relu_pos; lra|].
  apply Rle_lt_trans with b; auto. apply plus_plus_pole; [unfold b|]; lra.
Qed.

(** CAM.plus_plus_pole: Nonnegative activations keep the weight away from the pole. *)
Theorem plus_plus_no_pole g s : 0 <= s -> 0 <= alpha g s * relu g <= relu g / 2.
Proof.
  intros Hs. destruct (Rle_dec g 0) as [Hg|Hg].
  - replace (relu g) with 0 by (symmetry; apply Rmax_left; auto). unfold Rdiv. rewrite Rmult_0_r, Rmult_0_l. lra.
  - assert (0 <= g * s) by (apply Rmult_le_pos; lra).
    rewrite plus_plus_alpha by lra. rewrite relu_pos by lra. unfold Rdiv. rewrite Rmult_1_l.
    assert (0 < / (2 + g * s)) by (apply Rinv_0_lt_compat; lra).
    assert (/ (2 + g * s) <= / 2) by (apply Rinv_le_contravar; lra).
    split; [apply Rmult_le_pos; lra|]. rewrite (Rmult_comm g (/ 2)). apply Rmult_le_compat_r; lra.
Qed.

(** CAM.grad_cam_linear_head *)
Theorem grad_cam_linear_head K P b c A : (0 < P)%nat ->
  (forall k p, (k < K)%nat -> (p < P)%nat ->
     is_derive (fun s => pooled_score K P b c (upd_layer A k p s)) (A k p) (c k / INR P)) /\
  forall p, cam_map K (weight_cam P (fun k _ => c k / INR P) A) A p = / INR P * cam_map K c A p.
Proof.
  intros HP. assert (HN : 0 < INR P) by (apply lt_0_INR; auto). split.
  - intros k p Hk Hp. unfold pooled_score.
    set (e := fun i => if Nat.eqb i k then 1 else 0).
    replace (c k / INR P) with (0 + sumR K (fun i => c i * (e i / INR P))).
    + apply (@is_derive_plus R_AbsRing R_NormedModule); [apply (@is_derive_const R_AbsRing R_NormedModule)|].
      apply (is_derive_sumR K (fun i s => c i * (sumR P (upd_layer A k p s i) / INR P))). intros i _.
      apply is_derive_scal.
      apply (is_derive_ext (fun s => / INR P * sumR P (upd_layer A k p s i))); [intros; unfold Rdiv; apply Rmult_comm|].
      unfold Rdiv. rewrite (Rmult_comm (e i)). apply is_derive_scal.
      unfold e, upd_layer. destruct (Nat.eqb_spec i k) as [->|Hi].
      * replace 1 with (sumR P (fun q => 1 * (if Nat.eqb q p then 1 else 0)))
          by (apply (sumR_delta P p (fun _ => 1)); auto).
        apply (is_derive_sumR P (fun q s => upd (A k) p s q)). intros q _. rewrite Rmult_1_l. apply upd_derive.
      * apply (@is_derive_const R_AbsRing R_NormedModule).
    + rewrite Rplus_0_l, (sumR_ext K _ (fun i => c i / INR P * e i)) by (intros; field; lra).
      apply (sumR_delta K k (fun i => c i / INR P)); auto.
  - intros p. unfold cam_map. rewrite <- relu_scal by (left; apply Rinv_0_lt_compat; auto).
    f_equal. rewrite <- sumR_scal. apply sumR_ext. intros k _. unfold weight_cam. rewrite sumR_const.
    field. lra.
Qed.
