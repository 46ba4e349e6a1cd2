(** Which further rules of finite sums do the proofs of sums, layers, maps and softmax use? *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From IgProps Require Import Spec Calculus.
Open Scope R_scope.

Lemma sumR_minus n f g : sumR n (fun i => f i - g i) = sumR n f - sumR n g.
Proof. induction n; simpl; [ring | rewrite IHn; ring]. Qed.

Lemma sumR_scal_r n c f : sumR n (fun i => f i * c) = sumR n f * c.
Proof. induction n; simpl; [ring | rewrite IHn; ring]. Qed.

Lemma sumR_const n c : sumR n (fun _ => c) = INR n * c.
Proof. induction n; [simpl; ring|]. rewrite S_INR. simpl sumR. rewrite IHn. ring. Qed.

Lemma sumR_0 n f : (forall i, (i < n)%nat -> f i = 0) -> sumR n f = 0.
Proof. intros H. rewrite (sumR_ext n f (fun _ => 0)) by auto. rewrite sumR_const. ring. Qed.

Lemma sumR_ge0 n f : (forall i, (i < n)%nat -> 0 <= f i) -> 0 <= sumR n f.
Proof. intros H. rewrite <- (sumR_0 n (fun _ => 0)) by auto. apply sumR_le; auto. Qed.

Lemma sumR_swap n m f : sumR n (fun i => sumR m (fun j => f i j)) = sumR m (fun j => sumR n (fun i => f i j)).
Proof.
  induction n; simpl; [symmetry; apply sumR_0; auto|]. rewrite IHn, <- sumR_plus. reflexivity.
Qed.

Lemma sumR_first n f : sumR (S n) f = f O + sumR n (fun i => f (S i)).
Proof. induction n; [simpl; ring|]. simpl sumR in *. rewrite IHn. ring. Qed.

Lemma sumR_telescope n f : sumR n (fun i => f (S i) - f i) = f n - f O.
Proof. induction n; simpl; [ring | rewrite IHn; ring]. Qed.

Lemma sumR_add n m f : sumR (n + m) f = sumR n f + sumR m (fun i => f (n + i)%nat).
Proof. induction m; [rewrite Nat.add_0_r; simpl; ring|]. rewrite Nat.add_succ_r. simpl. rewrite IHm. ring. Qed.

Lemma is_derive_sumR n (f : nat -> R -> R) (df : nat -> R) s :
  (forall i, (i < n)%nat -> is_derive (f i) s (df i)) ->
  is_derive (fun u => sumR n (fun i => f i u)) s (sumR n df).
Proof.
  induction n; simpl; intros H; [apply (@is_derive_const R_AbsRing R_NormedModule)|].
  apply (@is_derive_plus R_AbsRing R_NormedModule); auto.
Qed.

Lemma upd_derive z k i : is_derive (fun s => upd z k s i) (z k) (if Nat.eqb i k then 1 else 0).
Proof.
  unfold upd. destruct (Nat.eqb i k).
  - apply (@is_derive_id R_AbsRing).
  - apply (@is_derive_const R_AbsRing R_NormedModule).
Qed.

Lemma sumR_delta n k f : (k < n)%nat -> sumR n (fun i => f i * (if Nat.eqb i k then 1 else 0)) = f k.
Proof.
  intros Hk. rewrite (sumR_single n _ k) by (auto; intros i _ Hi; apply Nat.eqb_neq in Hi; rewrite Hi; ring).
  rewrite Nat.eqb_refl. ring.
Qed.

Lemma steps_increase n (u : nat -> R) : (forall l, (l < n)%nat -> u l <= u (S l)) ->
  forall l k, (l <= k)%nat -> (k <= n)%nat -> u l <= u k.
Proof.
  intros H l k Hlk. induction Hlk as [|k _ IH]; intros Hk; [lra|].
  specialize (IH ltac:(lia)). specialize (H k ltac:(lia)). lra.
Qed.

Lemma finite_choice n (P : nat -> R -> Prop) : (forall l, (l < n)%nat -> exists v, P l v) ->
  exists u : nat -> R, forall l, (l < n)%nat -> P l (u l).
Proof.
  induction n as [|n IH]; intros H; [exists (fun _ => 0); intros; lia|].
  destruct IH as [u Hu]; [intros; apply H; lia|]. destruct (H n ltac:(lia)) as [v Hv].
  exists (fun l => if Nat.eqb l n then v else u l).
  intros l Hl. destruct (Nat.eqb_spec l n) as [->|]; auto. apply Hu. lia.
Qed.

Lemma RInt_cells f n (c : nat -> R) :
  (forall l, (l < n)%nat -> c l <= c (S l)) -> ex_RInt f (c O) (c n) ->
  (forall l, (l < n)%nat -> ex_RInt f (c l) (c (S l))) /\
  sumR n (fun l => RInt f (c l) (c (S l))) = RInt f (c O) (c n).
Proof.
  intros Hc. induction n; intros Hex.
  - split; [intros; lia|]. rewrite RInt_point. reflexivity.
  - assert (H0 : c O <= c n) by (apply (steps_increase (S n) c Hc); lia).
    pose proof (Hc n ltac:(lia)) as H1.
    assert (E1 : ex_RInt f (c O) (c n)) by (apply (@ex_RInt_Chasles_1 R_CompleteNormedModule) with (c (S n)); auto).
    assert (E2 : ex_RInt f (c n) (c (S n))) by (apply (@ex_RInt_Chasles_2 R_CompleteNormedModule) with (c O); auto).
    destruct (IHn (fun l Hl => Hc l (Nat.lt_lt_succ_r _ _ Hl)) E1) as [G1 G2]. split.
    + intros l Hl. destruct (Nat.eq_dec l n) as [->|]; auto. apply G1. lia.
    + simpl. rewrite G2. apply (@RInt_Chasles R_CompleteNormedModule); auto.
Qed.
