(** Does every piecewise-linear network have a gradient that is integrable on segments?

    On a segment it is affine with a constant gradient between finitely many breakpoints, so the completeness of
    Networks.v holds there without any premise. *)
From Coq Require Import Reals Lra Lia Arith Classical.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Completeness Fundamental Networks.
Open Scope R_scope.

(** [a,b] splits into finitely many intervals with Q. *)
Inductive pieces (Q : R -> R -> Prop) : R -> R -> Prop :=
| pieces_one a b : a < b -> Q a b -> pieces Q a b
| pieces_cat a b c : pieces Q a b -> pieces Q b c -> pieces Q a c.

Definition hereditary (Q : R -> R -> Prop) : Prop :=
  forall a b c d, Q a b -> a <= c -> c < d -> d <= b -> Q c d.

Lemma pieces_lt Q a b : pieces Q a b -> a < b.
Proof. induction 1; lra. Qed.

Lemma pieces_restrict Q a b : hereditary Q -> pieces Q a b ->
  forall c d, a <= c -> c < d -> d <= b -> pieces Q c d.
Proof.
  intros HQ H. induction H as [a b Hab H | a b e H1 IH1 H2 IH2]; intros c d Hc Hcd Hd.
  - apply pieces_one; auto. apply (HQ a b); auto.
  - destruct (Rle_dec d b); [apply IH1; auto|].
    destruct (Rle_dec b c); [apply IH2; auto|].
    apply pieces_cat with b; [apply IH1 | apply IH2]; lra.
Qed.

Lemma pieces_bind Q Q' a b : pieces Q a b ->
  (forall c d, Q c d -> c < d -> pieces Q' c d) -> pieces Q' a b.
Proof. intros H K. induction H; [apply K; auto | eapply pieces_cat; eauto]. Qed.

Lemma pieces_and Q Q' a b : hereditary Q -> hereditary Q' -> pieces Q a b -> pieces Q' a b ->
  pieces (fun c d => Q c d /\ Q' c d) a b.
Proof.
  intros HQ HQ' H1. induction H1 as [a b Hab H | a b c H1 IH1 H2 IH2]; intros K.
  - assert (G : forall a' b', pieces Q' a' b' -> a <= a' -> b' <= b -> pieces (fun c d => Q c d /\ Q' c d) a' b').
    { induction 1 as [a' b' Hab' H' | a' b' c' H1' IH1' H2' IH2']; intros Ha Hb.
      - apply pieces_one; auto. split; auto. apply (HQ a b); auto.
      - pose proof (pieces_lt _ _ _ H1'). pose proof (pieces_lt _ _ _ H2').
        apply pieces_cat with b'; [apply IH1' | apply IH2']; lra. }
    apply G; auto; lra.
  - pose proof (pieces_lt _ _ _ H1). pose proof (pieces_lt _ _ _ H2).
    apply pieces_cat with b.
    + apply IH1. apply (pieces_restrict Q' a c); auto; lra.
    + apply IH2. apply (pieces_restrict Q' a c); auto; lra.
Qed.

(** An affine function keeps its sign between two points where it does not change it. *)
Lemma keeps_sign m c a b t : a < b -> 0 <= m * a + c -> 0 <= m * b + c ->
  0 < m * a + c \/ 0 < m * b + c -> a < t < b -> 0 < m * t + c.
Proof.
  intros Hab Ha Hb Hs Ht. apply (Rmult_lt_reg_l (b - a)); [lra|].
  replace ((b - a) * (m * t + c)) with ((b - t) * (m * a + c) + (t - a) * (m * b + c)) by ring.
  assert (0 <= (b - t) * (m * a + c)) by (apply Rmult_le_pos; lra).
  assert (0 <= (t - a) * (m * b + c)) by (apply Rmult_le_pos; lra).
  destruct Hs as [Hs|Hs].
  - assert (0 < (b - t) * (m * a + c)) by (apply Rmult_lt_0_compat; lra). lra.
  - assert (0 < (t - a) * (m * b + c)) by (apply Rmult_lt_0_compat; lra). lra.
Qed.

(** Between two breakpoints: affine, with a derivative s of the kink that is the same throughout. *)
Definition one_side (l r c0 m c a b : R) : Prop := exists s m' c',
  (forall t, a <= t <= b -> kink l r (m * t + c) = m' * t + c') /\
  (forall t, a < t < b -> slope l r c0 (m * t + c) = s).

Lemma kink_0 l r : kink l r 0 = 0.
Proof. unfold kink. destruct (Rlt_dec 0 0); ring. Qed.

Lemma one_side_nochange l r c0 m c a b : a < b ->
  (0 <= m * a + c /\ 0 <= m * b + c) \/ (m * a + c <= 0 /\ m * b + c <= 0) -> one_side l r c0 m c a b.
Proof.
  intros Hab Hs.
  destruct (classic (m * a + c = 0 /\ m * b + c = 0)) as [[Ea Eb]|N].
  { assert (m = 0) as -> by (assert (m * (b - a) = 0) as K by lra; apply Rmult_integral in K; lra).
    assert (c = 0) as -> by lra. exists c0, 0, 0. split; intros t Ht.
    - replace (0 * t + 0) with 0 by ring. apply kink_0.
    - replace (0 * t + 0) with 0 by ring. unfold slope. destruct (Rlt_dec 0 0); lra. }
  destruct Hs as [[Ha Hb]|[Ha Hb]].
  - assert (P : forall t, a < t < b -> 0 < m * t + c).
    { intros t Ht. apply (keeps_sign m c a b); auto.
      destruct (Req_dec (m * a + c) 0) as [E|E]; [right; assert (m * b + c <> 0) by tauto; lra | left; lra]. }
    exists r, (r * m), (r * c). split; intros t Ht.
    + replace (r * m * t + r * c) with (r * (m * t + c)) by ring. unfold kink.
      destruct (Rlt_dec (m * t + c) 0); auto. exfalso.
      destruct (Req_dec t a) as [->|]; [lra|]; destruct (Req_dec t b) as [->|]; [lra|].
      pose proof (P t ltac:(lra)). lra.
    + specialize (P t Ht). unfold slope. destruct (Rlt_dec (m * t + c) 0); [lra|].
      destruct (Rlt_dec 0 (m * t + c)); lra.
  - assert (P : forall t, a < t < b -> m * t + c < 0).
    { intros t Ht. assert (0 < - m * t + - c); [|lra]. apply (keeps_sign (- m) (- c) a b); auto; try lra. }
    exists l, (l * m), (l * c). split; intros t Ht.
    + replace (l * m * t + l * c) with (l * (m * t + c)) by ring. unfold kink.
      destruct (Rlt_dec (m * t + c) 0); auto.
      assert (m * t + c = 0) as ->; [|ring].
      destruct (Req_dec t a) as [->|]; [lra|]; destruct (Req_dec t b) as [->|]; [lra|].
      pose proof (P t ltac:(lra)). lra.
    + specialize (P t Ht). unfold slope. destruct (Rlt_dec (m * t + c) 0); lra.
Qed.

Lemma root_between m c a b : a < b -> (m * a + c) * (m * b + c) < 0 ->
  exists r, a < r < b /\ m * r + c = 0.
Proof.
  intros Hab Hs.
  assert (Hm : m <> 0) by (intros ->; nra).
  exists (- c / m). split; [|field; auto].
  assert (E1 : m * (- c / m - a) = - (m * a + c)) by (field; auto).
  assert (E2 : m * (b - - c / m) = m * b + c) by (field; auto).
  set (r := - c / m) in *.
  assert (0 < m * m) by nra.
  assert (K : (r - a) * (b - r) > 0).
  { apply (Rmult_lt_reg_l (m * m)); auto.
    replace (m * m * ((r - a) * (b - r))) with ((m * (r - a)) * (m * (b - r))) by ring.
    rewrite E1, E2. lra. }
  nra.
Qed.

Lemma one_side_pieces l r c0 m c a b : a < b -> pieces (one_side l r c0 m c) a b.
Proof.
  intros Hab. destruct (Rlt_dec ((m * a + c) * (m * b + c)) 0) as [Hs|Hs].
  - destruct (root_between m c a b Hab Hs) as (z & Hz & Ez).
    apply pieces_cat with z; apply pieces_one; try lra; apply one_side_nochange; lra.
  - apply pieces_one; auto. apply one_side_nochange; auto.
    destruct (Rle_dec 0 (m * a + c)), (Rle_dec 0 (m * b + c)); try lra.
    + destruct (Req_dec (m * a + c) 0); [right; lra|]. exfalso. apply Hs.
      assert (0 < (m * a + c) * - (m * b + c)) by (apply Rmult_lt_0_compat; lra). lra.
    + destruct (Req_dec (m * b + c) 0); [right; lra|]. exfalso. apply Hs.
      assert (0 < - (m * a + c) * (m * b + c)) by (apply Rmult_lt_0_compat; lra). lra.
Qed.

Section Segment.
Variables (n : nat) (x x' : point).

(** The program is affine along [a,b], and its gradient is constant inside. *)
Definition affine_piece (e : net) (a b : R) : Prop := exists m c G,
  (forall t, a <= t <= b -> eval e (segment x' x t) = m * t + c) /\
  (forall t i, a < t < b -> (i < n)%nat -> grad e i (segment x' x t) = G i).

Lemma affine_piece_hereditary e : hereditary (affine_piece e).
Proof.
  intros a b c d (m & k & G & H1 & H2) Hc Hcd Hd. exists m, k, G.
  split; [intros; apply H1; lra|]. intros; apply H2; auto; lra.
Qed.

Lemma net_pieces e a b : piecewise_linear n e -> a < b -> pieces (affine_piece e) a b.
Proof.
  intros He Hab. induction He.
  - apply pieces_one; auto. exists (x k - x' k), (x' k), (fun i => if Nat.eqb k i then 1 else 0).
    split; [intros; unfold segment; simpl; ring | reflexivity].
  - apply pieces_one; auto. exists 0, c, (fun _ => 0). split; intros; simpl; [ring | reflexivity].
  - apply (pieces_bind (fun c d => affine_piece a0 c d /\ affine_piece b0 c d)).
    + apply pieces_and; auto using affine_piece_hereditary.
    + intros c d [(m1 & c1 & G1 & A1 & B1) (m2 & c2 & G2 & A2 & B2)] Hcd.
      apply pieces_one; auto. exists (m1 + m2), (c1 + c2), (fun i => G1 i + G2 i). split.
      * intros t Ht. simpl. rewrite A1, A2 by auto. ring.
      * intros t i Ht Hi. simpl. rewrite B1, B2 by auto. reflexivity.
  - apply (pieces_bind (affine_piece a0)); auto.
    intros p q (m1 & c1 & G1 & A1 & B1) Hpq.
    apply pieces_one; auto. exists (c * m1), (c * c1), (fun i => c * G1 i). split.
    + intros t Ht. simpl. rewrite A1 by auto. ring.
    + intros t i Ht Hi. simpl. rewrite B1 by auto. reflexivity.
  - apply (pieces_bind (affine_piece a0)); auto. intros p q (m & c & G & A & B) Hpq.
    apply (pieces_bind (fun u v => one_side l r c0 m c u v /\ p <= u /\ v <= q)).
    + assert (K : forall u v, pieces (one_side l r c0 m c) u v -> p <= u -> v <= q ->
                  pieces (fun u v => one_side l r c0 m c u v /\ p <= u /\ v <= q) u v).
      { induction 1 as [u v Huv Q | u w v Q1 IH1 Q2 IH2]; intros Hu Hv.
        - apply pieces_one; auto.
        - pose proof (pieces_lt _ _ _ Q1). pose proof (pieces_lt _ _ _ Q2).
          apply pieces_cat with w; [apply IH1 | apply IH2]; lra. }
      apply K; try lra. apply one_side_pieces; auto.
    + intros u v ((s & m' & c' & Q1 & Q2) & Hu & Hv) Huv.
      apply pieces_one; auto. exists m', c', (fun i => s * G i). split.
      * intros t Ht. simpl. rewrite A by lra. apply Q1; auto.
      * intros t i Ht Hi. simpl. rewrite A, B, Q2 by (auto; lra). reflexivity.
  - apply (pieces_bind (fun c d => affine_piece a0 c d /\ affine_piece b0 c d)).
    + apply pieces_and; auto using affine_piece_hereditary.
    + intros p q [(m1 & c1 & G1 & A1 & B1) (m2 & c2 & G2 & A2 & B2)] Hpq.
      apply (pieces_bind (fun u v => one_side 0 1 w (m1 - m2) (c1 - c2) u v /\ p <= u /\ v <= q)).
      * assert (K : forall u v, pieces (one_side 0 1 w (m1 - m2) (c1 - c2)) u v -> p <= u -> v <= q ->
                  pieces (fun u v => one_side 0 1 w (m1 - m2) (c1 - c2) u v /\ p <= u /\ v <= q) u v).
        { induction 1 as [u v Huv Q | u y v Q1 IH1 Q2 IH2]; intros Hu Hv.
          - apply pieces_one; auto.
          - pose proof (pieces_lt _ _ _ Q1). pose proof (pieces_lt _ _ _ Q2).
            apply pieces_cat with y; [apply IH1 | apply IH2]; lra. }
        apply K; try lra. apply one_side_pieces; auto.
      * intros u v ((s & m' & c' & Q1 & Q2) & Hu & Hv) Huv.
        apply pieces_one; auto. exists (m' + m2), (c' + c2), (fun i => s * G1 i + (1 - s) * G2 i). split.
        { intros t Ht. simpl. rewrite max_as_kink, A1, A2 by lra.
          replace (m1 * t + c1 - (m2 * t + c2)) with ((m1 - m2) * t + (c1 - c2)) by ring.
          rewrite Q1 by auto. ring. }
        { intros t i Ht Hi. simpl. rewrite A1, A2, B1, B2 by (auto; lra).
          replace (m1 * t + c1 - (m2 * t + c2)) with ((m1 - m2) * t + (c1 - c2)) by ring.
          rewrite Q2 by auto. reflexivity. }
Qed.

Lemma pieces_integrable e i a b : (i < n)%nat -> pieces (affine_piece e) a b ->
  ex_RInt (fun t => grad e i (segment x' x t)) a b.
Proof.
  intros Hi H. induction H as [a b Hab (m & c & G & H1 & H2) | a b c H1 IH1 H2 IH2].
  - apply ex_RInt_ext with (fun _ => G i).
    + intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. symmetry. apply H2; auto.
    + apply (@ex_RInt_const R_NormedModule).
  - apply (@ex_RInt_Chasles R_NormedModule) with b; auto.
Qed.
End Segment.

Lemma piecewise_linear_program n e : piecewise_linear n e -> program n e.
Proof. induction 1; simpl; auto. split; auto. apply activation_kink. Qed.

(** PATH.completeness.autodiff for piecewise-linear networks on a segment: no premise but the architecture. *)
Theorem completeness_piecewise_linear n e x x' :
  piecewise_linear n e -> sumR n (IG (grad e) x x') = eval e x - eval e x'.
Proof.
  intros He.
  assert (Hex : forall i, (i < n)%nat -> ex_RInt (fun t => grad e i (segment x' x t)) 0 1).
  { intros i Hi. apply (pieces_integrable n); auto. apply net_pieces; auto; lra. }
  pose proof (piecewise_linear_program n e He) as Hp.
  rewrite sum_IG by auto.
  rewrite <- (segment_1 n (eval e) x' x), <- (segment_0 n (eval e) x' x) by (apply program_on_Rn; auto).
  apply (completeness_autodiff n e _ _ (fun _ => False)); auto.
  - split; [apply countable_none|]. intros i Hi. split; intros; [|apply segment_derive].
    apply (@ex_derive_continuous R_AbsRing R_NormedModule). eexists. apply segment_derive.
  - intros i Hi. apply ex_RInt_ext with (fun t => scal (x i - x' i) (grad e i (segment x' x t))).
    + intros t _. unfold scal; simpl; unfold mult; simpl. ring.
    + apply (@ex_RInt_scal R_NormedModule). auto.
Qed.
