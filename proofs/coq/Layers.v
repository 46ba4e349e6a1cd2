(** What do the attributions of a layer along a path add up to, and on what do they depend? *)
From Coq Require Import Reals Lra Lia Arith FunctionalExtensionality.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus Sums Fundamental Completeness Networks Axioms.
Open Scope R_scope.

Lemma continuous_sumR n (f : nat -> R -> R) t : (forall i, (i < n)%nat -> continuous (f i) t) ->
  continuous (fun s => sumR n (fun i => f i s)) t.
Proof.
  induction n; simpl; intros H; [apply continuous_const|].
  apply (@continuous_plus _ R_AbsRing R_NormedModule (fun s => sumR n (fun i => f i s)) (f n)); auto.
Qed.

Lemma trajectory_C1 n m h Dh g dg :
  (forall k, (k < m)%nat -> on_Rn n (h k)) -> C1_path n g dg ->
  (forall t, 0 <= t <= 1 -> forall k, (k < m)%nat -> C1_at n (h k) (Dh k) (g t)) ->
  C1_path m (trajectory h g) (trajectory_derivative n Dh g dg).
Proof.
  intros Hh Hg HC k Hk t Ht. split.
  - apply path_chain_rule; auto. intros i Hi. apply Hg; auto.
  - apply (continuous_sumR n (fun i s => Dh k i (g s) * dg s i)). intros i Hi.
    apply (@continuous_mult _ R_AbsRing); [|apply Hg; auto].
    apply (cont_path n); [apply HC; auto|]. intros j Hj. apply (C1_path_continuous n g dg); auto.
Qed.

(** RSI.completeness: C1 layer and head. *)
Theorem layer_completeness n m S s Ds h Dh g dg :
  (forall k, (k < m)%nat -> on_Rn n (h k)) -> on_Rn m s -> C1_path n g dg ->
  (forall t, 0 <= t <= 1 -> forall k, (k < m)%nat -> C1_at n (h k) (Dh k) (g t)) ->
  (forall t, 0 <= t <= 1 -> C1_at m s Ds (trajectory h g t)) ->
  (forall z, S z = s (fun k => h k z)) ->
  sumR m (RSI n Ds h Dh g dg) = S (g 1) - S (g 0).
Proof.
  intros Hh Hs Hg HCh HCs HS. rewrite !HS.
  apply (completeness_smooth m s Ds (trajectory h g) (trajectory_derivative n Dh g dg)); auto.
  apply trajectory_C1; auto.
Qed.

(** Programs: the trajectory of channels that are programs is a path off a countable set again. *)
Lemma countable_union m (P : nat -> (R -> Prop) -> Prop) :
  (forall k, (k < m)%nat -> exists E, countable E /\ P k E) ->
  (forall k (E E' : R -> Prop), (forall t, E t -> E' t) -> P k E -> P k E') ->
  exists E, countable E /\ forall k, (k < m)%nat -> P k E.
Proof.
  intros H Hmono. induction m as [|m IH].
  - exists (fun _ => False). split; [exists (fun _ => 0); intros t []|]. intros; lia.
  - destruct IH as (E1 & C1 & H1); [intros; apply H; lia|]. destruct (H m ltac:(lia)) as (E2 & C2 & H2).
    exists (fun t => E1 t \/ E2 t). split; [apply countable_or; auto|].
    intros k Hk. destruct (Nat.eq_dec k m) as [->|Hne].
    + apply (Hmono m E2); auto.
    + apply (Hmono k E1); auto. apply H1. lia.
Qed.

Lemma trajectory_path n m (e : nat -> net) g dg E :
  (forall k, (k < m)%nat -> program n (e k)) -> path_off n E g dg ->
  exists E', path_off m E' (trajectory (fun k => eval (e k)) g) (trajectory_derivative n (fun k => grad (e k)) g dg).
Proof.
  intros He Hg.
  destruct (countable_union m (fun k E' => forall t, 0 < t < 1 -> ~ E' t ->
    is_derive (fun s => eval (e k) (g s)) t (sumR n (fun i => grad (e k) i (g t) * dg t i)))) as (E' & C & H).
  - intros k Hk. destruct (program_derivable n (e k) g dg E (He k Hk) Hg) as (E1 & C1 & H1). exists E1. auto.
  - intros k E1 E2 H12 H1 t Ht Hn. apply H1; auto.
  - exists E'. split; auto. intros k Hk. split.
    + intros t Ht. apply (program_continuous n (e k)); auto. intros i Hi. apply Hg; auto.
    + intros t Ht Hn. apply H; auto.
Qed.

(** RSI.completeness *)
Theorem layer_completeness_program n m S s (e : nat -> net) g dg E :
  (forall k, (k < m)%nat -> program n (e k)) -> program m s -> path_off n E g dg ->
  (forall k, (k < m)%nat ->
     ex_RInt (fun t => grad s k (trajectory (fun k => eval (e k)) g t)
                       * trajectory_derivative n (fun k => grad (e k)) g dg t k) 0 1) ->
  (forall z, S z = eval s (fun k => eval (e k) z)) ->
  sumR m (RSI n (grad s) (fun k => eval (e k)) (fun k => grad (e k)) g dg) = S (g 1) - S (g 0).
Proof.
  intros He Hs Hg Hex HS. rewrite !HS. destruct (trajectory_path n m e g dg E He Hg) as (E' & H).
  exact (completeness_autodiff m s _ _ E' Hs H Hex).
Qed.

(** RSI.skip_deficit: A bypass: the deficit is what the bypassed coordinates carry. *)
Theorem skip_deficit n m S s Ds h Dh g dg :
  (forall k, (k < m)%nat -> on_Rn n (h k)) -> on_Rn (m + n) s -> C1_path n g dg ->
  (forall t, 0 <= t <= 1 -> forall k, (k < m)%nat -> C1_at n (h k) (Dh k) (g t)) ->
  (forall t, 0 <= t <= 1 -> C1_at (m + n) s Ds (trajectory (beside m h) g t)) ->
  (forall z, S z = s (fun k => beside m h k z)) ->
  sumR m (RSI n Ds (beside m h) (beside_grad m Dh) g dg)
  = S (g 1) - S (g 0) - sumR n (fun i => RInt (fun t => Ds (m + i)%nat (trajectory (beside m h) g t) * dg t i) 0 1).
Proof.
  intros Hh Hs Hg HCh HCs HS.
  assert (HT : C1_path (m + n) (trajectory (beside m h) g) (trajectory_derivative n (beside_grad m Dh) g dg)).
  { intros k Hk t Ht. unfold trajectory, trajectory_derivative, beside, beside_grad.
    destruct (Nat.ltb_spec k m) as [Hkm|Hkm].
    - apply (trajectory_C1 n m h Dh g dg); auto.
    - assert (D : forall t, sumR n (fun i => (if Nat.eqb (k - m) i then 1 else 0) * dg t i) = dg t (k - m)%nat).
      { intros u. apply (sum_delta (k - m) n (fun i => dg u i)). lia. }
      split.
      + rewrite D. apply Hg; auto. lia.
      + apply (continuous_ext (fun t => dg t (k - m)%nat)); [intros u; symmetry; apply D|]. apply Hg; auto. lia. }
  pose proof (completeness_smooth (m + n) s Ds _ _ Hs HCs HT) as C.
  rewrite sumR_add in C. rewrite !HS.
  change (sumR m (RSI n Ds (beside m h) (beside_grad m Dh) g dg))
    with (sumR m (attribution Ds (trajectory (beside m h) g) (trajectory_derivative n (beside_grad m Dh) g dg))).
  change (s (fun k => beside m h k (g 1))) with (s (trajectory (beside m h) g 1)).
  change (s (fun k => beside m h k (g 0))) with (s (trajectory (beside m h) g 0)).
  rewrite <- C.
  assert (E : sumR n (fun i => attribution Ds (trajectory (beside m h) g) (trajectory_derivative n (beside_grad m Dh) g
      dg) (m + i))
    = sumR n (fun i => RInt (fun t => Ds (m + i)%nat (trajectory (beside m h) g t) * dg t i) 0 1)); [|rewrite E; ring].
  apply sumR_ext. intros i Hi. unfold attribution. apply RInt_ext. intros t _.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end. f_equal.
  unfold trajectory_derivative, beside_grad.
  rewrite (proj2 (Nat.ltb_ge (m + i) m)) by lia. replace (m + i - m)%nat with i by lia.
  apply (sum_delta i n (fun j => dg t j)). auto.
Qed.

Lemma RInt_constant (f : R -> R) c : (forall t, 0 < t < 1 -> f t = c) -> RInt f 0 1 = c.
Proof.
  intros H. rewrite (RInt_ext f (fun _ => c)).
  - rewrite RInt_const. unfold scal; simpl; unfold mult; simpl. ring.
  - intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra. auto.
Qed.

(** RSI.skip_deficit: One input, the identity layer and a residual connection around it: S = h + z_0. *)
Theorem skip_example :
  let s := Plus (Var 0) (Var 1) in
  let h := beside 1 input_layer in
  (forall z, eval s (fun k => h k z) = 2 * z 0%nat) /\
  sumR 1 (RSI 1 (grad s) h (beside_grad 1 input_layer_grad) (segment vzero vone) (fun _ => vone)) = 1 /\
  eval s (fun k => h k vone) - eval s (fun k => h k vzero) = 2.
Proof.
  cbv zeta. split; [|split].
  - intros z. unfold beside, input_layer. simpl. ring.
  - unfold sumR, RSI, attribution. rewrite Rplus_0_l. apply RInt_constant. intros t _.
    unfold trajectory_derivative, beside_grad, input_layer_grad, vone. simpl. ring.
  - unfold beside, input_layer, vone, vzero. simpl. ring.
Qed.

(** RSI.input_layer: The input as layer. *)
Theorem input_layer_path n Ds g dg k : (k < n)%nat ->
  RSI n Ds input_layer input_layer_grad g dg k = attribution Ds g dg k.
Proof.
  intros Hk. unfold RSI, attribution. apply RInt_ext. intros t _.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end. f_equal.
  apply (sum_delta k n (fun j => dg t j)). auto.
Qed.

(** RSI.input_layer *)
Theorem input_layer_segment n Ds x x' k : (k < n)%nat ->
  ex_RInt (fun t => Ds k (segment x' x t)) 0 1 ->
  RSI n Ds input_layer input_layer_grad (segment x' x) (fun _ i => x i - x' i) k = IG Ds x x' k.
Proof. intros Hk Hex. rewrite input_layer_path by auto. apply attribution_segment. auto. Qed.

(** RSI.reparametrization *)
Theorem layer_reparametrization n Ds h Dh g dg sigma dsigma k :
  (forall t, 0 <= t <= 1 -> is_derive sigma t (dsigma t) /\ continuous dsigma t) ->
  sigma 0 = 0 -> sigma 1 = 1 ->
  (forall t, 0 <= t <= 1 -> continuous (fun s => Ds k (trajectory h g s) * trajectory_derivative n Dh g dg s k) (sigma
      t)) ->
  RSI n Ds h Dh (fun t => g (sigma t)) (fun t i => dsigma t * dg (sigma t) i) k = RSI n Ds h Dh g dg k.
Proof.
  intros Hs H0 H1 Hc. unfold RSI.
  rewrite <- (reparametrization Ds (trajectory h g) (trajectory_derivative n Dh g dg) sigma dsigma k Hs H0 H1 Hc).
  unfold attribution. apply RInt_ext. intros t _.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end. unfold trajectory at 1 2. f_equal.
  unfold trajectory_derivative. rewrite <- sumR_scal. apply sumR_ext. intros; ring.
Qed.

(** RSI.path_space: Both layer methods agree where the layer is affine along the path. *)
Theorem affine_layer_agrees n m Ds h Dh x x' k :
  (k < m)%nat -> on_Rn m (Ds k) ->
  (forall t, 0 <= t <= 1 -> forall j, (j < m)%nat ->
     h j (segment x' x t) = segment (fun j => h j x') (fun j => h j x) t j) ->
  (forall t, 0 < t < 1 ->
     is_derive (fun s => h k (segment x' x s)) t (trajectory_derivative n Dh (segment x' x) (fun _ i => x i - x' i) t
         k)) ->
  ex_RInt (fun t => Ds k (segment (fun j => h j x') (fun j => h j x) t)) 0 1 ->
  RSI n Ds h Dh (segment x' x) (fun _ i => x i - x' i) k = layer_IG Ds h x x' k.
Proof.
  intros Hk Hon Haff Hd Hex. unfold layer_IG. rewrite <- attribution_segment by auto.
  unfold RSI, attribution. apply RInt_ext. intros t Ht. rewrite Rmin_left, Rmax_right in Ht by lra.
  match goal with |- @eq _ ?a ?b => change (@eq R a b) end. f_equal.
  - apply Hon. intros j Hj. apply Haff; auto. lra.
  - rewrite <- (is_derive_unique _ _ _ (Hd t Ht)). apply is_derive_unique.
    apply (is_derive_ext_loc (fun s => segment (fun j => h j x') (fun j => h j x) s k)).
    + exists (mkposreal (Rmin t (1 - t)) (Rmin_pos _ _ (proj1 Ht) (Rlt_Rminus _ _ (proj2 Ht)))).
      intros s Hs. unfold ball in Hs; simpl in Hs; unfold AbsRing_ball, abs, minus, plus, opp in Hs; simpl in Hs.
      apply Rabs_def2 in Hs. pose proof (Rmin_l t (1 - t)). pose proof (Rmin_r t (1 - t)).
      symmetry. apply Haff; auto. lra.
    + apply segment_derive.
Qed.

(** RSI.path_space: Both are complete at a cut. *)
Theorem layer_IG_completeness m S s Ds h x x' :
  on_Rn m s -> (forall t, 0 <= t <= 1 -> C1_at m s Ds (segment (fun k => h k x') (fun k => h k x) t)) ->
  (forall z, S z = s (fun k => h k z)) ->
  sumR m (layer_IG Ds h x x') = S x - S x'.
Proof. intros Hs HC HS. rewrite !HS. apply completeness; auto. Qed.

Lemma power_RInt c k : RInt (fun t => c * t ^ k) 0 1 = c / INR (S k).
Proof.
  apply (@is_RInt_unique R_CompleteNormedModule).
  assert (HS : INR (S k) <> 0) by (apply not_0_INR; lia).
  replace (c / INR (S k)) with (minus (c / INR (S k) * 1 ^ S k) (c / INR (S k) * 0 ^ S k)).
  - apply (@is_RInt_derive R_CompleteNormedModule (fun t => c / INR (S k) * t ^ S k)).
    + intros t _. replace (c * t ^ k) with (c / INR (S k) * (INR (S k) * 1 * t ^ pred (S k))) by (rewrite
        Nat.pred_succ; field; auto).
      apply is_derive_scal, (is_derive_pow (fun u => u)). apply (@is_derive_id R_AbsRing).
    + intros t _. apply (@ex_derive_continuous R_AbsRing R_NormedModule (fun t => c * t ^ k)). auto_derive. auto.
  - rewrite pow1, pow_i by lia. unfold minus, plus, opp; simpl. ring.
Qed.

(** RSI.path_space: The layer (z_0, z_0^2) under the head a_0 a_1: the two methods differ. *)
Theorem path_spaces_differ :
  let rsi := RSI 1 Dproduct square_layer square_layer_grad (segment vzero vone) (fun _ => vone) in
  rsi 0%nat = 1 / 3 /\ rsi 1%nat = 2 / 3 /\
  layer_IG Dproduct square_layer vone vzero 0 = 1 / 2 /\ layer_IG Dproduct square_layer vone vzero 1 = 1 / 2.
Proof.
  cbv zeta. unfold RSI, layer_IG, attribution, IG, trajectory, trajectory_derivative.
  unfold Dproduct, square_layer, square_layer_grad, segment, vzero, vone. simpl sumR.
  split; [|split; [|split]].
  - rewrite (RInt_ext _ (fun t => 1 * t ^ 2)); [|intros; simpl; ring].
    rewrite power_RInt. simpl. field.
  - rewrite (RInt_ext _ (fun t => 2 * t ^ 2)); [|intros; simpl; ring].
    rewrite power_RInt. simpl. field.
  - rewrite (RInt_ext _ (fun t => 1 * t ^ 1)); [|intros; simpl; ring].
    rewrite power_RInt. simpl. field.
  - rewrite (RInt_ext _ (fun t => 1 * t ^ 1)); [|intros; simpl; ring].
    rewrite power_RInt. simpl. field.
Qed.

(** RSI.relu_breaks_completeness: Rectified gradients. *)
Theorem rectified_incomplete :
  let s := Scal (-1) (Var 0) in
  sumR 1 (RSI 1 (grad s) input_layer input_layer_grad (segment vzero vone) (fun _ => vone)) =
      eval s vone - eval s vzero /\
  sumR 1 (RSI 1 (rectified (grad s)) input_layer input_layer_grad (segment vzero vone) (fun _ => vone)) = 0 /\
  eval s vone - eval s vzero = -1.
Proof.
  cbv zeta. unfold sumR, RSI, attribution, vone, vzero. simpl eval. split; [|split]; [| |ring].
  - rewrite Rplus_0_l. rewrite (RInt_constant _ (-1)); [ring|]. intros t _.
    unfold trajectory_derivative, input_layer_grad. simpl. ring.
  - rewrite Rplus_0_l. apply RInt_constant. intros t _.
    unfold rectified, relu. simpl. rewrite Rmax_left by lra. ring.
Qed.

(** RSI.relu_breaks_completeness *)
Theorem rectified_larger n Ds h Dh g dg k :
  (forall t, 0 < t < 1 -> 0 <= trajectory_derivative n Dh g dg t k) ->
  ex_RInt (fun t => Ds k (trajectory h g t) * trajectory_derivative n Dh g dg t k) 0 1 ->
  ex_RInt (fun t => rectified Ds k (trajectory h g t) * trajectory_derivative n Dh g dg t k) 0 1 ->
  RSI n Ds h Dh g dg k <= RSI n (rectified Ds) h Dh g dg k.
Proof.
  intros Hm H1 H2. unfold RSI, attribution. apply RInt_le; auto; try lra.
  intros t Ht. apply Rmult_le_compat_r; auto. apply Rmax_r.
Qed.
