(** At which order do left, right and trapezoidal Riemann–Stieltjes sums converge for smooth functions? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Stieltjes.
Open Scope R_scope.

(** A function that vanishes at a and whose derivative grows like (t - a)^k grows like (t - a)^(k+1). *)
Lemma growth (g dg : R -> R) C a b k :
  a <= b -> g a = 0 -> (forall t, a <= t <= b -> is_derive g t (dg t)) ->
  (forall t, a <= t <= b -> Rabs (dg t) <= C * (t - a) ^ k) ->
  forall t, a <= t <= b -> Rabs (g t) <= C / INR (S k) * (t - a) ^ S k.
Proof.
  intros Hab Hg Hd Hb t Ht. set (P := fun t => C / INR (S k) * (t - a) ^ S k).
  assert (HP : forall s, is_derive P s (C * (s - a) ^ k)).
  { intros s. replace (C * (s - a) ^ k) with (C / INR (S k) * (INR (S k) * 1 * (s - a) ^ pred (S k))).
    - apply is_derive_scal. apply (is_derive_pow (fun u => u - a)).
      replace 1 with (minus 1 0) by (unfold minus, plus, opp; simpl; ring).
      apply (@is_derive_minus R_AbsRing R_NormedModule (fun u => u)).
      + apply (@is_derive_id R_AbsRing).
      + apply (@is_derive_const R_AbsRing R_NormedModule).
    - rewrite Nat.pred_succ. field. apply not_0_INR. lia. }
  assert (P0 : P a = 0) by (unfold P; rewrite Rminus_eq_0; simpl; ring).
  assert (G : forall (h dh : R -> R), h a = 0 -> (forall s, a <= s <= b -> is_derive h s (dh s)) ->
    (forall s, a <= s <= b -> dh s <= C * (s - a) ^ k) -> h t <= P t).
  { intros h dh H0 H1 H2.
    destruct (MVT_gen (fun s => P s - h s) a t (fun s => C * (s - a) ^ k - dh s)) as (c & Hc & E).
    - intros s Hs. rewrite Rmin_left, Rmax_right in Hs by lra.
      apply (@is_derive_minus R_AbsRing R_NormedModule P h); [apply HP | apply H1; lra].
    - intros s Hs. rewrite Rmin_left, Rmax_right in Hs by lra. apply continuity_pt_filterlim.
      apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun s => P s - h s) s). exists (minus (C * (s - a) ^ k)
          (dh s)).
      apply (@is_derive_minus R_AbsRing R_NormedModule P h); [apply HP | apply H1; lra].
    - rewrite Rmin_left, Rmax_right in Hc by lra. rewrite P0, H0 in E.
      pose proof (H2 c ltac:(lra)). assert (0 <= (C * (c - a) ^ k - dh c) * (t - a)) by (apply Rmult_le_pos; lra).
      lra. }
  apply Rabs_le. split.
  - assert (- g t <= P t); [|fold (P t); lra].
    apply (G (fun s => - g s) (fun s => - dg s)); [lra | |].
    + intros s Hs. apply (@is_derive_opp R_AbsRing R_NormedModule). auto.
    + intros s Hs. specialize (Hb s Hs). apply Rabs_le_between in Hb. lra.
  - apply (G g dg); auto. intros s Hs. specialize (Hb s Hs). apply Rabs_le_between in Hb. lra.
Qed.

(** One cell, and n equal cells. *)
Lemma sum_of_cells (h : R -> R) (cell : nat -> R) a b n c : (0 < n)%nat -> a <= b -> ex_RInt h a b ->
  (forall l, (l < n)%nat -> Rabs (RInt h (grid a b n l) (grid a b n (S l)) - cell l) <= c) ->
  Rabs (RInt h a b - sumR n cell) <= INR n * c.
Proof.
  intros Hn Hab Hex H. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (G0 : grid a b n O = a) by (unfold grid; simpl; ring).
  assert (Gn : grid a b n n = b) by (unfold grid; field; lra).
  destruct (RInt_cells h n (grid a b n)) as [_ E].
  - intros l _. unfold grid. rewrite S_INR.
    assert (0 <= (b - a) / INR n) by (apply Rdiv_le_0_compat; lra). lra.
  - rewrite G0, Gn. auto.
  - rewrite G0, Gn in E. rewrite <- E, <- sumR_minus, <- sumR_const.
    eapply Rle_trans; [apply sumR_abs|]. apply sumR_le. auto.
Qed.

Lemma grid_in a b n l : (0 < n)%nat -> a <= b -> (l <= n)%nat -> a <= grid a b n l <= b.
Proof.
  intros Hn Hab Hl. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  assert (Hs : 0 <= (b - a) / INR n) by (apply Rdiv_le_0_compat; lra).
  assert (E : INR n * ((b - a) / INR n) = b - a) by (field; lra).
  pose proof (pos_INR l). apply le_INR in Hl. unfold grid.
  assert (0 <= INR l * ((b - a) / INR n)) by (apply Rmult_le_pos; lra).
  assert (INR l * ((b - a) / INR n) <= INR n * ((b - a) / INR n)) by (apply Rmult_le_compat_r; lra). lra.
Qed.

Lemma grid_step a b n l : grid a b n (S l) - grid a b n l = (b - a) / INR n.
Proof. unfold grid. rewrite S_INR. ring. Qed.

Section Cells.
Variables f f1 g g1 : R -> R.
Hypothesis Hf : forall t, is_derive f t (f1 t).
Hypothesis Hg : forall t, is_derive g t (g1 t).
Hypothesis Hc : forall t, continuous g1 t.

Lemma integrand_continuous t : continuous (fun t => f t * g1 t) t.
Proof.
  apply (@continuous_mult _ R_AbsRing f g1); auto.
  apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists; apply Hf.
Qed.

Lemma integrand_integrable a b : ex_RInt (fun t => f t * g1 t) a b.
Proof. apply (@ex_RInt_continuous R_CompleteNormedModule). intros; apply integrand_continuous. Qed.

Lemma integral_derive a t : is_derive (fun t => RInt (fun t => f t * g1 t) a t) t (f t * g1 t).
Proof.
  apply (@is_derive_RInt R_NormedModule (fun t => f t * g1 t) _ a).
  - exists (mkposreal 1 Rlt_0_1). intros y _. apply (@RInt_correct R_CompleteNormedModule).
    apply integrand_integrable.
  - apply integrand_continuous.
Qed.

Lemma left_cell a b A B : a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A) -> (forall t, a <= t <= b -> Rabs (g1 t) <= B) ->
  Rabs (RInt (fun t => f t * g1 t) a b - f a * (g b - g a)) <= A * B / 2 * (b - a) ^ 2.
Proof.
  intros Hab HA HB.
  assert (D1 : forall t, a <= t <= b -> Rabs (f t - f a) <= A / INR 1 * (t - a) ^ 1).
  { apply (growth (fun t => f t - f a) f1 A a b 0); auto; try (apply Rminus_eq_0).
    - intros t _. replace (f1 t) with (minus (f1 t) 0) by (unfold minus, plus, opp; simpl; ring).
      apply (@is_derive_minus R_AbsRing R_NormedModule f (fun _ => f a)); auto.
      apply (@is_derive_const R_AbsRing R_NormedModule).
    - intros t Ht. simpl. rewrite Rmult_1_r. auto. }
  pose proof (growth (fun t => RInt (fun t => f t * g1 t) a t - f a * (g t - g a))
    (fun t => (f t - f a) * g1 t) (A * B) a b 1) as G.
  replace (A * B / 2) with (A * B / INR 2) by (simpl; field). apply G; auto; try lra.
  - rewrite RInt_point. unfold zero; simpl. ring.
  - intros t Ht. replace ((f t - f a) * g1 t) with (minus (f t * g1 t) (f a * (minus (g1 t) 0)))
      by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply integral_derive|].
    apply is_derive_scal. apply (@is_derive_minus R_AbsRing R_NormedModule g (fun _ => g a)); auto.
    apply (@is_derive_const R_AbsRing R_NormedModule).
  - intros t Ht. rewrite Rabs_mult. specialize (D1 t Ht). simpl in D1. simpl.
    replace (A * B * ((t - a) * 1)) with (A / 1 * ((t - a) * 1) * B) by field.
    apply Rmult_le_compat; try apply Rabs_pos; auto.
Qed.

Lemma right_cell a b A B : a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A) -> (forall t, a <= t <= b -> Rabs (g1 t) <= B) ->
  Rabs (RInt (fun t => f t * g1 t) a b - f b * (g b - g a)) <= A * B / 2 * (b - a) ^ 2.
Proof.
  intros Hab HA HB.
  assert (D1 : forall t, a <= t <= b -> Rabs (g t - g a) <= B / INR 1 * (t - a) ^ 1).
  { apply (growth (fun t => g t - g a) g1 B a b 0); auto; try (apply Rminus_eq_0).
    - intros t _. replace (g1 t) with (minus (g1 t) 0) by (unfold minus, plus, opp; simpl; ring).
      apply (@is_derive_minus R_AbsRing R_NormedModule g (fun _ => g a)); auto.
      apply (@is_derive_const R_AbsRing R_NormedModule).
    - intros t Ht. simpl. rewrite Rmult_1_r. auto. }
  pose proof (growth (fun t => RInt (fun t => f t * g1 t) a t - f t * (g t - g a))
    (fun t => - (f1 t * (g t - g a))) (A * B) a b 1) as G.
  replace (A * B / 2) with (A * B / INR 2) by (simpl; field). apply G; auto; try lra.
  - rewrite RInt_point. unfold zero; simpl. ring.
  - intros t Ht.
    replace (- (f1 t * (g t - g a)))
      with (minus (f t * g1 t) (plus (mult (f1 t) (g t - g a)) (mult (f t) (minus (g1 t) 0))))
      by (unfold minus, plus, opp, mult; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply integral_derive|].
    apply (@is_derive_mult R_AbsRing f (fun t => g t - g a)); auto; [|intros; apply Rmult_comm].
    apply (@is_derive_minus R_AbsRing R_NormedModule g (fun _ => g a)); auto.
    apply (@is_derive_const R_AbsRing R_NormedModule).
  - intros t Ht. rewrite Rabs_Ropp, Rabs_mult. specialize (D1 t Ht). simpl in D1. simpl.
    replace (A * B * ((t - a) * 1)) with (A * (B / 1 * ((t - a) * 1))) by field.
    apply Rmult_le_compat; try apply Rabs_pos; auto.
Qed.

(** RS.trapezoid_error *)
Theorem first_order A B a b n : (0 < n)%nat -> a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A) -> (forall t, a <= t <= b -> Rabs (g1 t) <= B) ->
  let samples := fun (h : R -> R) l => h (grid a b n l) in
  Rabs (RInt (fun t => f t * g1 t) a b - left_sum n (samples f) (samples g)) <= A * B * (b - a) ^ 2 / (2 * INR n) /\
  Rabs (RInt (fun t => f t * g1 t) a b - right_sum n (samples f) (samples g)) <= A * B * (b - a) ^ 2 / (2 * INR n).
Proof.
  intros Hn Hab HA HB samples. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  replace (A * B * (b - a) ^ 2 / (2 * INR n)) with (INR n * (A * B / 2 * ((b - a) / INR n) ^ 2)) by (field; lra).
  assert (Hs : 0 <= (b - a) / INR n) by (apply Rdiv_le_0_compat; lra).
  split; apply (sum_of_cells (fun t => f t * g1 t)); auto; try apply integrand_integrable; intros l Hl;
    pose proof (grid_step a b n l) as E; rewrite <- E;
    pose proof (grid_in a b n l Hn Hab ltac:(lia)); pose proof (grid_in a b n (S l) Hn Hab ltac:(lia));
    [apply left_cell | apply right_cell]; try lra; intros t Ht; (apply HA || apply HB); lra.
Qed.

Section Second.
Variables f2 g2 : R -> R.
Hypothesis Hf1 : forall t, is_derive f1 t (f2 t).
Hypothesis Hg1 : forall t, is_derive g1 t (g2 t).

Let E a t := RInt (fun t => f t * g1 t) a t - (f a + f t) / 2 * (g t - g a).
Let E1 a t := / 2 * ((f t - f a) * g1 t - f1 t * (g t - g a)).
Let E2 a t := / 2 * ((f t - f a) * g2 t - f2 t * (g t - g a)).

Lemma shift_derive (h h1 : R -> R) a t : is_derive h t (h1 t) -> is_derive (fun t => h t - h a) t (h1 t).
Proof.
  intros H. replace (h1 t) with (minus (h1 t) 0) by (unfold minus, plus, opp; simpl; ring).
  apply (@is_derive_minus R_AbsRing R_NormedModule h (fun _ => h a)); auto.
  apply (@is_derive_const R_AbsRing R_NormedModule).
Qed.

Lemma product_derive (p q : R -> R) dp dq t :
  is_derive p t dp -> is_derive q t dq -> is_derive (fun t => p t * q t) t (dp * q t + p t * dq).
Proof. intros H1 H2. apply (@is_derive_mult R_AbsRing p q); auto. intros; apply Rmult_comm. Qed.

Lemma E_derive a t : is_derive (E a) t (E1 a t).
Proof.
  unfold E. apply (is_derive_ext (fun t => RInt (fun t => f t * g1 t) a t
    - (f a * (g t - g a) + / 2 * ((f t - f a) * (g t - g a))))); [intros; simpl; field|].
  unfold E1. replace (/ 2 * ((f t - f a) * g1 t - f1 t * (g t - g a)))
    with (minus (f t * g1 t) (plus (f a * g1 t) (/ 2 * (f1 t * (g t - g a) + (f t - f a) * g1 t))))
    by (unfold minus, plus, opp; simpl; field).
  apply (@is_derive_minus R_AbsRing R_NormedModule); [apply integral_derive|].
  apply (@is_derive_plus R_AbsRing R_NormedModule); apply is_derive_scal;
    [|apply (product_derive (fun t => f t - f a) (fun t => g t - g a))]; apply shift_derive; auto.
Qed.

Lemma E1_derive a t : is_derive (E1 a) t (E2 a t).
Proof.
  unfold E1, E2. apply is_derive_scal.
  replace ((f t - f a) * g2 t - f2 t * (g t - g a))
    with (minus (f1 t * g1 t + (f t - f a) * g2 t) (f2 t * (g t - g a) + f1 t * g1 t))
    by (unfold minus, plus, opp; simpl; ring).
  apply (@is_derive_minus R_AbsRing R_NormedModule).
  - apply (product_derive (fun t => f t - f a) g1); auto. apply shift_derive; auto.
  - apply (product_derive f1 (fun t => g t - g a)); auto. apply shift_derive; auto.
Qed.

Lemma E_zero a : E a a = 0.
Proof. unfold E. rewrite RInt_point. unfold zero; simpl. ring. Qed.
Lemma E1_zero a : E1 a a = 0.
Proof. unfold E1. ring. Qed.

Lemma difference_bound (h h1 : R -> R) C a b : a <= b -> (forall t, is_derive h t (h1 t)) ->
  (forall t, a <= t <= b -> Rabs (h1 t) <= C) -> forall t, a <= t <= b -> Rabs (h t - h a) <= C * (t - a).
Proof.
  intros Hab Hd HC t Ht. replace (C * (t - a)) with (C / INR 1 * (t - a) ^ 1) by (simpl; field).
  apply (growth (fun t => h t - h a) h1 C a b 0); auto; try (apply Rminus_eq_0).
  - intros s _. apply shift_derive; auto.
  - intros s Hs. simpl. rewrite Rmult_1_r. auto.
Qed.

Lemma product_bound x y X Y : Rabs x <= X -> Rabs y <= Y -> Rabs (x * y) <= X * Y.
Proof. intros. rewrite Rabs_mult. apply Rmult_le_compat; auto; apply Rabs_pos. Qed.

Lemma trapezoid_cell a b A1 A2 B1 B2 : a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A1 /\ Rabs (f2 t) <= A2 /\ Rabs (g1 t) <= B1 /\ Rabs (g2 t) <= B2) ->
  Rabs (RInt (fun t => f t * g1 t) a b - (f a + f b) / 2 * (g b - g a)) <= (A1 * B2 + A2 * B1) / 12 * (b - a) ^ 3.
Proof.
  intros Hab H. set (C := (A1 * B2 + A2 * B1) / 2).
  assert (H2 : forall t, a <= t <= b -> Rabs (E2 a t) <= C * (t - a) ^ 1).
  { intros t Ht. unfold E2. rewrite Rabs_mult, (Rabs_pos_eq (/ 2)) by lra.
    replace (C * (t - a) ^ 1) with (/ 2 * (A1 * (t - a) * B2 + A2 * (B1 * (t - a)))) by (unfold C; simpl; field).
    apply Rmult_le_compat_l; [lra|]. unfold Rminus at 1. eapply Rle_trans; [apply Rabs_triang|].
    rewrite Rabs_Ropp. destruct (H t Ht) as (P1 & P2 & P3 & P4). apply Rplus_le_compat; apply product_bound; auto.
    - apply (difference_bound f f1 A1 a b); auto. intros s Hs. apply H; auto.
    - apply (difference_bound g g1 B1 a b); auto. intros s Hs. apply H; auto. }
  pose proof (growth (E1 a) (E2 a) C a b 1 Hab (E1_zero a) (fun t _ => E1_derive a t) H2) as H1.
  pose proof (growth (E a) (E1 a) (C / INR 2) a b 2 Hab (E_zero a) (fun t _ => E_derive a t) H1 b ltac:(lra)) as H0.
  replace ((A1 * B2 + A2 * B1) / 12) with (C / INR 2 / INR 3) by (unfold C; simpl; field). exact H0.
Qed.

(** RS.trapezoid_error *)
Theorem second_order A1 A2 B1 B2 a b n : (0 < n)%nat -> a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A1 /\ Rabs (f2 t) <= A2 /\ Rabs (g1 t) <= B1 /\ Rabs (g2 t) <= B2) ->
  let samples := fun (h : R -> R) l => h (grid a b n l) in
  Rabs (RInt (fun t => f t * g1 t) a b - trapezoid_sum n (samples f) (samples g))
    <= (A1 * B2 + A2 * B1) * (b - a) ^ 3 / (12 * INR n ^ 2).
Proof.
  intros Hn Hab H samples. assert (HN : 0 < INR n) by (apply lt_0_INR; auto).
  replace ((A1 * B2 + A2 * B1) * (b - a) ^ 3 / (12 * INR n ^ 2))
    with (INR n * ((A1 * B2 + A2 * B1) / 12 * ((b - a) / INR n) ^ 3)) by (field; lra).
  assert (Hs : 0 <= (b - a) / INR n) by (apply Rdiv_le_0_compat; lra).
  apply (sum_of_cells (fun t => f t * g1 t)); auto; [apply integrand_integrable|]. intros l Hl.
  pose proof (grid_step a b n l) as Eq. rewrite <- Eq.
  pose proof (grid_in a b n l Hn Hab ltac:(lia)). pose proof (grid_in a b n (S l) Hn Hab ltac:(lia)).
  apply trapezoid_cell; try lra. intros t Ht. apply H; lra.
Qed.

Section Third.
Variables f3 g3 : R -> R.
Hypothesis Hf2 : forall t, is_derive f2 t (f3 t).
Hypothesis Hg2 : forall t, is_derive g2 t (g3 t).

(** RS.trapezoid_error: The leading term of the error in one cell, with a constant for the rest. *)
Theorem trapezoid_leading_error a b A1 A3 B1 B3 : a <= b ->
  (forall t, a <= t <= b -> Rabs (f1 t) <= A1 /\ Rabs (f3 t) <= A3 /\ Rabs (g1 t) <= B1 /\ Rabs (g3 t) <= B3) ->
  Rabs (RInt (fun t => f t * g1 t) a b - (f a + f b) / 2 * (g b - g a)
        - (b - a) ^ 3 / 12 * (f1 a * g2 a - f2 a * g1 a)) <= (A1 * B3 + A3 * B1) / 24 * (b - a) ^ 4.
Proof.
  intros Hab H. set (w := fun t => f1 t * g2 t - f2 t * g1 t). set (C := A1 * B3 + A3 * B1).
  assert (Hw : forall t, is_derive w t (f1 t * g3 t - f3 t * g1 t)).
  { intros t. unfold w. replace (f1 t * g3 t - f3 t * g1 t)
      with (minus (f2 t * g2 t + f1 t * g3 t) (f3 t * g1 t + f2 t * g2 t)) by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule); [apply (product_derive f1 g2) | apply (product_derive f2 g1)];
        auto. }
  set (E3 := fun t => / 2 * (f1 t * g2 t + (f t - f a) * g3 t - (f3 t * (g t - g a) + f2 t * g1 t))).
  assert (E2_derive : forall t, is_derive (E2 a) t (E3 t)).
  { intros t. unfold E2, E3. apply is_derive_scal.
    apply (@is_derive_minus R_AbsRing R_NormedModule).
    - apply (product_derive (fun t => f t - f a) g2); auto. apply shift_derive; auto.
    - apply (product_derive f2 (fun t => g t - g a)); auto. apply shift_derive; auto. }
  assert (Hpow : forall k t, is_derive (fun t => w a / 2 * ((t - a) ^ S k / INR (S k))) t (w a / 2 * (t - a) ^ k)).
  { intros k t. apply is_derive_scal.
    apply (is_derive_ext (fun t => / INR (S k) * (t - a) ^ S k)); [intros; unfold Rdiv; apply Rmult_comm|].
    replace ((t - a) ^ k) with (/ INR (S k) * (INR (S k) * 1 * (t - a) ^ pred (S k)))
      by (rewrite Nat.pred_succ; field; apply not_0_INR; lia).
    apply is_derive_scal, (is_derive_pow (fun u => u - a)).
    replace 1 with (minus 1 0) by (unfold minus, plus, opp; simpl; ring).
    apply (@is_derive_minus R_AbsRing R_NormedModule (fun u => u) (fun _ => a)).
    - apply (@is_derive_id R_AbsRing).
    - apply (@is_derive_const R_AbsRing R_NormedModule). }
  assert (B : forall t, a <= t <= b -> Rabs (E3 t - w a / 2 * (t - a) ^ 0) <= C * (t - a) ^ 1).
  { intros t Ht. destruct (H t Ht) as (P1 & P2 & P3 & P4).
    replace (E3 t - w a / 2 * (t - a) ^ 0)
      with (/ 2 * ((w t - w a) + ((f t - f a) * g3 t + - (f3 t * (g t - g a))))) by (unfold E3, w; simpl; field).
    rewrite Rabs_mult, (Rabs_pos_eq (/ 2)) by lra.
    replace (C * (t - a) ^ 1) with (/ 2 * (C * (t - a) + (A1 * (t - a) * B3 + A3 * (B1 * (t - a)))))
      by (unfold C; simpl; field).
    apply Rmult_le_compat_l; [lra|]. eapply Rle_trans; [apply Rabs_triang|]. apply Rplus_le_compat.
    - apply (difference_bound w (fun t => f1 t * g3 t - f3 t * g1 t) C a b); auto.
      intros s Hs. destruct (H s Hs) as (Q1 & Q2 & Q3 & Q4). unfold Rminus.
      eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. apply Rplus_le_compat; apply product_bound; auto.
    - eapply Rle_trans; [apply Rabs_triang|]. rewrite Rabs_Ropp. apply Rplus_le_compat; apply product_bound; auto.
      + apply (difference_bound f f1 A1 a b); auto. intros s Hs. apply H; auto.
      + apply (difference_bound g g1 B1 a b); auto. intros s Hs. apply H; auto. }
  assert (S2 : forall t, a <= t <= b -> Rabs (E2 a t - w a / 2 * ((t - a) ^ 1 / INR 1)) <= C / INR 2 * (t - a) ^ 2).
  { apply (growth _ (fun t => E3 t - w a / 2 * (t - a) ^ 0) C a b 1); auto.
    - unfold E2. simpl. field.
    - intros t _. apply (@is_derive_minus R_AbsRing R_NormedModule); auto. }
  assert (S1 : forall t, a <= t <= b -> Rabs (E1 a t - w a / 2 * ((t - a) ^ 2 / INR 2)) <=
      C / INR 2 / INR 3 * (t - a) ^ 3).
  { apply (growth _ (fun t => E2 a t - w a / 2 * (t - a) ^ 1) (C / INR 2) a b 2); auto.
    - unfold E1. simpl. field.
    - intros t _. apply (@is_derive_minus R_AbsRing R_NormedModule); [apply E1_derive | apply Hpow].
    - intros t Ht. replace ((t - a) ^ 1) with ((t - a) ^ 1 / INR 1) by (simpl; field). auto. }
  assert (S0 : Rabs (E a b - w a / 2 * / INR 2 * ((b - a) ^ 3 / INR 3)) <= C / INR 2 / INR 3 / INR 4 * (b - a) ^ 4).
  { apply (growth (fun t => E a t - w a / 2 * / INR 2 * ((t - a) ^ 3 / INR 3))
      (fun t => E1 a t - w a / 2 * ((t - a) ^ 2 / INR 2)) (C / INR 2 / INR 3) a b 3); auto; try lra.
    - rewrite E_zero, Rminus_eq_0. simpl. field.
    - intros t _. apply (@is_derive_minus R_AbsRing R_NormedModule); [apply E_derive|].
      apply (is_derive_ext (fun t => / INR 2 * (w a / 2 * ((t - a) ^ 3 / INR 3)))); [intros; simpl; field|].
      replace (w a / 2 * ((t - a) ^ 2 / INR 2)) with (/ INR 2 * (w a / 2 * (t - a) ^ 2)) by (simpl; field).
      apply is_derive_scal. apply Hpow. }
  unfold E in S0. unfold w in S0.
  replace ((b - a) ^ 3 / 12 * (f1 a * g2 a - f2 a * g1 a))
    with ((f1 a * g2 a - f2 a * g1 a) / 2 * / INR 2 * ((b - a) ^ 3 / INR 3)) by (simpl; field).
  replace (C / 24) with (C / INR 2 / INR 3 / INR 4) by (simpl; field). exact S0.
Qed.
End Third.
End Second.
End Cells.
